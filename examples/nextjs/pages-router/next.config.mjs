import { dirname } from 'node:path'
import { acceptTokenHeaders } from '../accept-token/headers.mjs'

// One level up lie package.json and the folder accept-token, which both apps share.
const root = dirname(import.meta.dirname)

/** @type {import('next').NextConfig} */
export default {
  poweredByHeader: false,
  headers: async () => acceptTokenHeaders,
  turbopack: { root },
  outputFileTracingRoot: root,
}
