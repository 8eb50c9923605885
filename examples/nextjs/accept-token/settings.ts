/** What to change for your own site. */
export const settings = {
  /** As the people who get the mail know you. */
  site: 'Tidewater',
  /** Where somebody who is stuck can write to. */
  support: 'support@tidewater.example',
  /** The page with Clerk's `<SignIn />`: other ways in, and second factors. */
  signInPage: '/sign-in',
  /** The page with Clerk's `<SignUp />`: what an invited person still has to fill in or agree to. */
  signUpPage: '/sign-up',
  /** Where a link leads that names no page, or one that is not on the list. */
  home: '/',
  /** The pages, with everything below them, that a link's `to` may lead to. */
  destinations: ['/welcome', '/offers', '/cart', '/survey'],
}
