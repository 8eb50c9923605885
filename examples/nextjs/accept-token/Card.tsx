'use client'

import { useEffect, useRef, useState, type ReactNode } from 'react'
import styles from './Card.module.css'
import { settings } from './settings'
import type { Offer, Problem } from './words'

interface CardProps {
  title: string
  text?: ReactNode
  /** Links and buttons, the most likely one first. */
  children?: ReactNode
  /** Moves the focus to the title, so that a screen reader reads what has changed. */
  focus?: boolean
}

/** One thing said in the middle of the page, and what can be done about it. */
export function Card({ title, text, children, focus = false }: CardProps) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    if (focus) heading.current?.focus()
  }, [focus, title])

  return (
    <main className={styles.page}>
      <div className={styles.card}>
        <p className={styles.site}>{settings.site}</p>
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {text && <p>{text}</p>}
        {children && <div className={styles.choices}>{children}</div>}
        <noscript>Please switch JavaScript on for this page: signing in does not work without it.</noscript>
      </div>
    </main>
  )
}

interface FailureProps {
  problem: Problem
  destination: string
  signInPage: string
  /** Who is signed in, if anybody is. */
  name: string | undefined
  again: () => void
}

/** A problem in plain words, with a way on. Whatever is tried again, a human tries it. */
export function Failure({ problem, destination, signInPage, name, again }: FailureProps) {
  const wait = useCountdown(problem.wait ?? 0)
  const offers: Record<Offer, ReactNode> = {
    // Whole page loads: they bring what this tab may not know yet.
    continue: <a href={destination}>{name ? `Continue as ${name}` : 'Continue'}</a>,
    'sign-in': <a href={signInPage}>Sign in another way</a>,
    support: (
      <a href={`mailto:${settings.support}`}>
        Write to us <span>{settings.support}</span>
      </a>
    ),
    again: (
      <button onClick={() => wait === 0 && again()} aria-disabled={wait > 0}>
        {wait > 0 ? `Try again in ${wait} s` : 'Try again'}
      </button>
    ),
  }
  return (
    <Card title={problem.title} text={problem.text} focus>
      {problem.offers.map(offer => (
        <div key={offer}>{offers[offer]}</div>
      ))}
      {problem.code && <small>Code for our support: {problem.code}</small>}
    </Card>
  )
}

/** Counts whole seconds down to 0. */
function useCountdown(seconds: number): number {
  const [left, setLeft] = useState(seconds)
  useEffect(() => {
    if (left === 0) return
    const tick = setTimeout(() => setLeft(left - 1), 1000)
    return () => clearTimeout(tick)
  }, [left])
  return left
}
