import { SignIn } from '@clerk/nextjs'

/** Clerk's own page: other ways in, and the second factor after a token. */
export default function Page() {
  return <SignIn />
}
