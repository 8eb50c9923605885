import type { Metadata } from 'next'
import { settings } from '../../accept-token/settings'
import { AcceptTokenHere } from './AcceptTokenHere'

export const metadata: Metadata = {
  title: `Sign in to ${settings.site}`,
  referrer: 'no-referrer',
  robots: { index: false },
}

/** Static: it never reads the address on the server, so no token gets into the HTML or a cache. */
export default function Page() {
  return <AcceptTokenHere />
}
