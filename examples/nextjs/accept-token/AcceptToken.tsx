'use client'

import { useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { useClerk, useSignIn, useUser } from '@clerk/nextjs'
import { Card, Failure } from './Card'
import { readLink } from './link'
import { settings } from './settings'
import { almostThere, noAnswer, noLink, notLoaded, problemOf, unknown, type Problem } from './words'

/** Where Clerk's `<SignIn />` goes on when the token alone is not enough. */
const nextSteps: Partial<Record<string, string>> = {
  needs_first_factor: '/factor-one',
  needs_second_factor: '/factor-two',
  needs_client_trust: '/client-trust',
  needs_new_password: '/reset-password',
  needs_protect_check: '/protect-check',
}

const nothing = () => () => {}

interface Props {
  /** Goes to another page of this site, in place of this one in the history. */
  navigate: (path: string) => void
}

/**
 * Takes a sign-in token from the address and redeems it when a human presses the button: never on load, since mail
 * scanners run scripts, and never again by itself, since a token works once.
 */
export function AcceptToken({ navigate }: Props) {
  const link = useSyncExternalStore(nothing, readLink, () => undefined)
  const clerk = useClerk()
  const { isLoaded, user } = useUser()
  const { signIn } = useSignIn()
  const [working, setWorking] = useState(false)
  const [problem, setProblem] = useState<Problem>()
  const started = useRef(false)

  // Where `HIDE_LINK` could not run. Through the router, which would go on using the old address otherwise.
  useEffect(() => {
    if (window.location.search) navigate(window.location.pathname)
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, when the page opens
  }, [])

  if (!link || (!isLoaded && clerk.status !== 'error')) return <Card title="One moment …" />
  const { token, destination } = link
  const signInPage = (step = '') => `${settings.signInPage}${step}?redirect_url=${encodeURIComponent(destination)}`

  async function redeem() {
    // State is too slow a guard: the second click of a double click comes before the next render.
    if (!token || started.current) return
    started.current = true
    setWorking(true)
    const found = await tryOnce(token).catch(problemOf)
    if (!found) return
    started.current = false
    setWorking(false)
    setProblem(found)
  }

  /** Ends with nothing to tell once the browser is on its way to the next page. */
  async function tryOnce(token: string): Promise<Problem | undefined> {
    // Who is signed in has to leave first: Clerk answers a second sign-in with `session_exists`.
    if (user) await clerk.client?.removeSessions()

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

    const { error: unfinished } = await signIn.finalize({
      navigate: ({ session, decorateUrl }) => {
        const task = session.currentTask?.key
        const url = decorateUrl(task ? signInPage(`/tasks/${task}`) : destination)
        if (url.startsWith('http')) window.location.assign(url)
        else navigate(url)
      },
    })
    return unfinished ? almostThere : undefined
  }

  const shown = problem ?? (!isLoaded ? notLoaded : !token && !user ? noLink : undefined)
  if (shown && !working) {
    return <Failure problem={shown} destination={destination} signInPage={signInPage()} again={redeem} />
  }
  if (user && !working) {
    const name = user.primaryEmailAddress?.emailAddress ?? user.username ?? user.fullName ?? user.id
    return (
      <Card title="You are already signed in" text={<>This browser is signed in as <strong>{name}</strong>.</>}>
        <a href={destination}>Continue as {name}</a>
        {token && <button onClick={redeem}>Sign out and use the link</button>}
      </Card>
    )
  }
  return (
    <Card title={`Sign in to ${settings.site}`} text="Press the button and you are in. The link from your mail works once.">
      <button onClick={redeem} aria-disabled={working}>
        {working ? 'Signing you in …' : 'Continue'}
      </button>
    </Card>
  )
}
