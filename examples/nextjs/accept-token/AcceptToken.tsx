'use client'

import { useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { useClerk, useSignIn, useSignUp, useUser } from '@clerk/nextjs'
import { Card, Failure } from './Card'
import { readLink } from './link'
import { settings } from './settings'
import { accepted, almostThere, noAnswer, noLink, notLoaded, problemOf, unknown, whileSignedIn, type Problem } from './words'

/** Where Clerk's `<SignIn />` goes on when the token alone is not enough. */
const nextSteps: Partial<Record<string, string>> = {
  needs_first_factor: '/factor-one',
  needs_second_factor: '/factor-two',
  needs_client_trust: '/client-trust',
  needs_new_password: '/reset-password',
  needs_protect_check: '/protect-check',
}

/** Where Clerk's `<SignUp />` goes on when an invitation alone is not enough. */
function nextStepOf(signUp: ReturnType<typeof useSignUp>['signUp']): string {
  if (signUp.missingFields.includes('protect_check')) return '/protect-check'
  if (signUp.unverifiedFields.includes('email_address')) return '/verify-email-address'
  if (signUp.unverifiedFields.includes('phone_number')) return '/verify-phone-number'
  return '/continue'
}

function nameOf(user: ReturnType<typeof useUser>['user']): string | undefined {
  return user ? (user.primaryEmailAddress?.emailAddress ?? user.username ?? user.fullName ?? user.id) : undefined
}

/** Who has signed in in another tab meanwhile: nobody tells this one, so it asks when a human comes back to it. */
function useNewcomer(watching: boolean): string | undefined {
  const clerk = useClerk()
  const [name, setName] = useState<string>()
  useEffect(() => {
    if (!watching) return
    const look = async () => {
      await clerk.client?.reload().catch(() => undefined)
      setName(nameOf(clerk.client?.signedInSessions[0]?.user))
    }
    void look()
    window.addEventListener('focus', look)
    return () => window.removeEventListener('focus', look)
  }, [clerk, watching])
  return name
}

const nothing = () => () => {}

interface Props {
  /** Goes to another page of this site, in place of this one in the history. */
  navigate: (path: string) => void
}

/**
 * Takes a sign-in token or an invitation from the address and redeems it when a human presses the button: never on
 * load, since mail scanners run scripts, and never again by itself, since a token works once.
 */
export function AcceptToken({ navigate }: Props) {
  const link = useSyncExternalStore(nothing, readLink, () => undefined)
  const clerk = useClerk()
  const { isLoaded, user } = useUser()
  const { signIn } = useSignIn()
  const { signUp } = useSignUp()
  const [working, setWorking] = useState(false)
  const [problem, setProblem] = useState<Problem>()
  const started = useRef(false)
  const newcomer = useNewcomer(problem?.offers.includes('sign-in') === true)

  // Where `HIDE_LINK` could not run. Through the router, which would go on using the old address otherwise.
  useEffect(() => {
    if (window.location.search) navigate(window.location.pathname)
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, when the page opens
  }, [])

  if (!link || (!isLoaded && clerk.status !== 'error')) return <Card title="One moment …" />
  const { token, kind, destination } = link
  const invited = kind === 'sign-up'
  const then = `?redirect_url=${encodeURIComponent(destination)}`
  const signInPage = (step = '') => settings.signInPage + step + then
  const name = nameOf(user) ?? newcomer

  async function redeem() {
    // State is too slow a guard: the second click of a double click comes before the next render.
    if (!token || started.current) return
    started.current = true
    setWorking(true)
    const found = await tryOnce(token).catch(error => problemOf(error, invited))
    if (!found) return
    started.current = false
    setWorking(false)
    setProblem(found)
  }

  /** Ends with nothing to tell once the browser is on its way to the next page. */
  async function tryOnce(token: string): Promise<Problem | undefined> {
    // Who is signed in has to leave first: Clerk answers a second sign-in with `session_exists`.
    if (user) await clerk.client?.removeSessions()

    return invited ? signUpOnce(token) : signInOnce(token)
  }

  async function signInOnce(token: string): Promise<Problem | undefined> {
    const { error } = await signIn.ticket({ ticket: token })
    if (error) return problemOf(error)

    const step = nextSteps[signIn.status]
    if (step) {
      navigate(signInPage(step))
      return
    }
    // Offline, Clerk comes back without an error, and the sign-in stands where it stood before.
    if (signIn.status === 'needs_identifier') return noAnswer
    if (signIn.status !== 'complete') return unknown(signIn.status)
    return goOn(signIn)
  }

  async function signUpOnce(token: string): Promise<Problem | undefined> {
    const before = signUp.id
    const { error } = await signUp.ticket({ ticket: token })
    if (error) return problemOf(error, invited)

    // Offline, as above.
    if (signUp.id === before) return noAnswer
    if (signUp.status === 'missing_requirements') {
      navigate(settings.signUpPage + nextStepOf(signUp) + then)
      return
    }
    if (signUp.status !== 'complete') return unknown(signUp.status)
    return goOn(signUp)
  }

  async function goOn(attempt: typeof signIn | typeof signUp): Promise<Problem | undefined> {
    const { error: unfinished } = await attempt.finalize({
      navigate: ({ session, decorateUrl }) => {
        const task = session.currentTask?.key
        const url = decorateUrl(task ? signInPage(`/tasks/${task}`) : destination)
        if (url.startsWith('http')) window.location.assign(url)
        else navigate(url)
      },
    })
    return unfinished ? almostThere : undefined
  }

  const nothingLeft = kind === 'complete' ? accepted : noLink
  const shown = problem ?? (!isLoaded ? notLoaded : (!token || kind === 'complete') && !user ? nothingLeft : undefined)
  if (shown && !working) {
    const told = name ? whileSignedIn(shown, name) : shown
    return <Failure problem={told} destination={destination} signInPage={signInPage()} name={name} again={redeem} />
  }
  if (user && !working) {
    return (
      <Card title="You are already signed in" text={<>This browser is signed in as <strong>{name}</strong>.</>}>
        <a href={destination}>Continue as {name}</a>
        {token && kind !== 'complete' && <button onClick={redeem}>Sign out and use the link</button>}
      </Card>
    )
  }
  return (
    <Card
      title={invited ? `Join ${settings.site}` : `Sign in to ${settings.site}`}
      text={invited ? 'Press the button and your account is there. The link from your mail works once.' : 'Press the button and you are in. The link from your mail works once.'}
    >
      <button onClick={redeem} aria-disabled={working}>
        {!working ? 'Continue' : invited ? 'Opening your account …' : 'Signing you in …'}
      </button>
      {/* Where Clerk's check for robots shows itself, if it has to. */}
      {invited && <div id="clerk-captcha" />}
    </Card>
  )
}
