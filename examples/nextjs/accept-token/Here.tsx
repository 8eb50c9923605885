'use client'

import { useUser } from '@clerk/nextjs'

/** Says who is signed in: what the pages of your site go on from. Delete it. */
export function Here() {
  const { user } = useUser()
  return <p>{user ? `Signed in as ${user.primaryEmailAddress?.emailAddress ?? user.id}` : 'Not signed in'}</p>
}
