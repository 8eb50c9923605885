import { acceptTokenHeaders } from './accept-token/headers.mjs'

/** @type {import('next').NextConfig} */
export default {
  poweredByHeader: false,
  headers: async () => acceptTokenHeaders,
}
