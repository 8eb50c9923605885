'use client'

import { useRouter } from 'next/navigation'
import { AcceptToken } from '../../accept-token/AcceptToken'

export function AcceptTokenHere() {
  const router = useRouter()
  return <AcceptToken navigate={path => router.replace(path)} />
}
