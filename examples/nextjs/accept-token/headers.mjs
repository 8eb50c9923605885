/** For `headers` in next.config: the page is never stored, framed or indexed, and its address goes to nobody. */
export const acceptTokenHeaders = [
  {
    source: '/accept-token',
    headers: [
      { key: 'Referrer-Policy', value: 'no-referrer' },
      { key: 'Cache-Control', value: 'no-store' },
      { key: 'Content-Security-Policy', value: "frame-ancestors 'none'" },
      { key: 'X-Robots-Tag', value: 'noindex' },
    ],
  },
]
