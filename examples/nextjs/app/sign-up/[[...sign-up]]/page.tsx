import { SignUp } from '@clerk/nextjs'

/** Clerk's own page: what an invited person still has to fill in or agree to. */
export default function Page() {
  return <SignUp />
}
