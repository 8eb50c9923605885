import { settings } from './settings'

declare global {
  interface Window {
    /** The query of the link, left here by `HIDE_LINK`. */
    signInLink?: string
  }
}

export interface SignInLink {
  /** What signs the person in or up. Undefined if the address holds none. */
  token: string | undefined
  /** What Clerk does with the token: an invitation opens an account; one that is `complete` has nothing left to do. */
  kind: 'sign-in' | 'sign-up' | 'complete'
  /** The page of this site to go to afterwards, with the link's other parameters. */
  destination: string
}

/**
 * Goes into an inline `<script>` at the top of `<head>`. It moves the query out of the address before any other script
 * runs: the address bar, the back button, analytics and error reports never show the token. A Content-Security-Policy
 * has to allow it, by nonce or hash; where it does not, the page cleans the address later.
 */
export const HIDE_LINK = `if (/\\/accept-token\\/?$/.test(location.pathname) && location.search) {
  window.signInLink = location.search
  history.replaceState(history.state, '', location.pathname)
}`

let link: SignInLink | undefined

/** The link this page was opened with. Only in the browser; the same object each time. */
export function readLink(): SignInLink {
  if (!link) {
    link = parseLink(window.signInLink ?? window.location.search, window.location.origin)
    delete window.signInLink
  }
  return link
}

function parseLink(query: string, origin: string): SignInLink {
  const parameters = new URLSearchParams(query)
  const token = parameters.get('token') || parameters.get('__clerk_ticket') || undefined
  const destination = new URL(allowed(parameters.get('to'), origin), origin)
  for (const [name, value] of parameters) {
    // Nothing of Clerk's own travels on: its components redeem `__clerk_ticket` wherever they see it.
    if (name !== 'token' && name !== 'to' && !name.startsWith('__clerk')) destination.searchParams.append(name, value)
  }
  return {
    token,
    kind: kindOf(parameters.get('__clerk_status'), token),
    destination: destination.pathname + destination.search,
  }
}

/** Clerk says it where it leads somebody here from its own address. Where it does not, an invitation says it of itself. */
function kindOf(status: string | null, token: string | undefined): SignInLink['kind'] {
  if (status === 'sign_up') return 'sign-up'
  if (status === 'complete') return 'complete'
  return status !== 'sign_in' && claimsOf(token).st === 'invitation' ? 'sign-up' : 'sign-in'
}

/** What stands in the middle of a token. Nothing is believed on its account but which way to ask Clerk. */
function claimsOf(token: string | undefined): { st?: unknown } {
  try {
    const claims: unknown = JSON.parse(atob((token ?? '').split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/')))
    return typeof claims === 'object' && claims ? claims : {}
  } catch {
    return {}
  }
}

/** `to` if it is one of the site's listed pages, else home. Judged as the browser will read it, not as it is spelt. */
function allowed(to: string | null, origin: string): string {
  if (!to?.startsWith('/') || !URL.canParse(to, origin)) return settings.home
  const url = new URL(to, origin)
  const listed = settings.destinations.some(page => url.pathname === page || url.pathname.startsWith(`${page}/`))
  // A server may decode %2f and %5c, and then see another path than we did.
  if (url.origin !== origin || !listed || /%(2f|5c)/i.test(url.pathname)) return settings.home
  return url.pathname + url.search
}
