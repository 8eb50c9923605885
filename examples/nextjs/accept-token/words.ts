import { isClerkAPIResponseError } from '@clerk/nextjs/errors'

/** What went wrong, in words for the person who pressed the button, and what they can do now. */
export interface Problem {
  title: string
  text: string
  /** `continue`: go on as signed in; `again`: press once more; `sign-in`: another way in; `support`: write to us. */
  offers: Offer[]
  /** Seconds before another try makes sense. */
  wait?: number
  /** Clerk's code, shown where our words cannot say more. */
  code?: string
}

export type Offer = 'continue' | 'again' | 'sign-in' | 'support'

/** The seconds of Clerk's own limit (5 sign-ins in 10 seconds from one address), where it does not say how long. */
const DEFAULT_WAIT = 10

const invalid: Problem = {
  title: 'This link does not work',
  text: 'Part of it may be missing: some mail programs cut long links. Open it from the mail once more, or copy the whole link into the address bar.',
  offers: ['sign-in', 'support'],
}

const alreadySignedIn: Problem = {
  title: 'You are already signed in',
  text: 'You do not need the link any more in this browser.',
  offers: ['continue'],
}

const hasAccount: Problem = {
  title: 'You have an account already',
  text: 'It was opened before, so this invitation is not needed any more. Please sign in.',
  offers: ['sign-in', 'support'],
}

const noNewAccounts: Problem = {
  title: 'No account can be opened right now',
  text: 'This site does not take new accounts at the moment, or not for this address. Your invitation has not been used.',
  offers: ['support'],
}

const notHuman: Problem = {
  title: 'The security check did not pass',
  text: 'It looks whether a human is here, and an extension of the browser may be in its way. Your invitation has not been used: try again, or open it in another browser.',
  offers: ['again', 'support'],
}

/** Clerk's codes for a token, a session and an account, without the `_code` that some of them end in. */
const problems: Record<string, Problem> = {
  sign_in_token_already_used: {
    title: 'This link has already been used',
    text: 'A link signs you in once. You can sign in the usual way, or ask us for a new link.',
    offers: ['sign-in', 'support'],
  },
  ticket_expired: {
    title: 'This link has expired',
    text: 'For your safety a link works for a limited time only. You can sign in the usual way, or ask us for a new link.',
    offers: ['sign-in', 'support'],
  },
  sign_in_token_revoked: {
    title: 'This link has been withdrawn',
    text: 'We have switched it off. If you have a newer mail from us, use the link in that one.',
    offers: ['sign-in', 'support'],
  },
  ticket_invalid: invalid,
  invitation_already_accepted: hasAccount,
  invitation_account_exists: hasAccount,
  form_identifier_exists: hasAccount,
  invitation_account_not_exists: invalid,
  revoked_invitation: {
    title: 'This invitation has been withdrawn',
    text: 'We have switched it off. If you have a newer mail from us, use the link in that one, or ask us for a new invitation.',
    offers: ['support'],
  },
  sign_up_mode_restricted: noNewAccounts,
  sign_up_restricted_waitlist: noNewAccounts,
  not_allowed_access: noNewAccounts,
  captcha_invalid: notHuman,
  captcha_missing_token: notHuman,
  sign_in_token_cannot_be_used: invalid,
  sign_in_token_not_in_sign_in: invalid,
  session_exists: alreadySignedIn,
  identifier_already_signed_in: alreadySignedIn,
  user_banned: {
    title: 'This account is blocked',
    text: 'It cannot sign in at the moment. If you think that this is a mistake, please write to us.',
    offers: ['support'],
  },
  user_locked: {
    title: 'This account is locked for now',
    text: 'There were too many failed attempts to sign in. Please wait a while, then press the button again.',
    offers: ['again', 'support'],
  },
  user_deactivated: {
    title: 'This account is switched off',
    text: 'It cannot sign in any more. If you think that this is a mistake, please write to us.',
    offers: ['support'],
  },
  deprovisioned: {
    title: 'This account has been removed',
    text: 'Your organisation has ended its access. Please ask the people who look after your accounts there.',
    offers: ['support'],
  },
}

/** The same codes where they are about an invitation: nobody has an account to sign in to yet. */
const ofInvitations: Record<string, Problem> = {
  ticket_expired: {
    title: 'This invitation has expired',
    text: 'For your safety an invitation works for a limited time only. Please ask us for a new one.',
    offers: ['support'],
  },
  ticket_invalid: { ...invalid, offers: ['support'] },
}

/** Clerk leads somebody here whose invitation was accepted before, and in another browser. */
export const accepted = hasAccount

export const noAnswer: Problem = {
  title: 'There was no answer',
  text: 'The sign-in service could not be reached. Check your connection, then try again.',
  offers: ['again', 'support'],
}

/** Clerk's script could not be loaded: nothing was tried, and the link is as good as before. */
export const notLoaded: Problem = {
  title: 'Signing in is not possible right now',
  text: 'Part of this page could not be loaded. Check your connection and open the link from the mail once more: it has not been used.',
  offers: ['support'],
}

/** The token is spent and the session is there; only this tab has not got it yet. A fresh page will. */
export const almostThere: Problem = {
  title: 'You are signed in',
  text: 'The last step did not finish on this page. Please continue.',
  offers: ['continue'],
}

export const noLink: Problem = {
  title: 'This page needs the link from your mail',
  text: 'Please open the link from the mail once more. It keeps working until you have signed in with it.',
  offers: ['sign-in', 'support'],
}

/** The same for somebody who is signed in: they can go on as they are. */
export function whileSignedIn(problem: Problem, name: string): Problem {
  const others = problem.offers.filter(offer => offer !== 'sign-in' && offer !== 'continue')
  const text = problem.offers.includes('sign-in') ? `You can go on without it: this browser is signed in as ${name}.` : problem.text
  return { ...problem, text, offers: ['continue', ...others] }
}

/** Signing in stopped somewhere this page does not know. */
export function unknown(code: string): Problem {
  return {
    title: 'Signing in did not work',
    text: 'Something unexpected happened. You can sign in the usual way, or write to us.',
    offers: ['sign-in', 'support'],
    code,
  }
}

/** The words for what `ticket()` or `finalize()` came back with. */
export function problemOf(error: unknown, invited = false): Problem {
  // Without an answer in Clerk's form nobody knows whether the token was taken. The person decides about another try.
  if (!isClerkAPIResponseError(error)) return noAnswer
  const code = error.errors[0]?.code ?? `${error.status}`
  const plain = code.replace(/_code$/, '')
  const known = (invited ? ofInvitations[plain] : undefined) ?? problems[plain]
  if (known) return known
  if (error.status === 429) {
    return {
      title: 'Too many people at once',
      text: 'Many may be signing in from your network right now. Your link has not been used. Please wait a moment, then try again.',
      offers: ['again'],
      wait: error.retryAfter ?? DEFAULT_WAIT,
    }
  }
  return error.status >= 500 ? { ...noAnswer, code } : unknown(code)
}
