import type { ReactNode } from 'react'
import { ClerkProvider } from '@clerk/nextjs'
import { HIDE_LINK } from '../accept-token/link'
import { settings } from '../accept-token/settings'
import '../accept-token/global.css'

export const metadata = { title: settings.site }

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <head>
        <script dangerouslySetInnerHTML={{ __html: HIDE_LINK }} />
      </head>
      <body>
        <ClerkProvider signInUrl={settings.signInPage} signUpUrl={settings.signUpPage}>{children}</ClerkProvider>
      </body>
    </html>
  )
}
