import type { AppProps } from 'next/app'
import { ClerkProvider } from '@clerk/nextjs'
import { settings } from '../../accept-token/settings'
import '../../accept-token/global.css'

export default function App({ Component, pageProps }: AppProps) {
  return (
    <ClerkProvider {...pageProps} signInUrl={settings.signInPage} signUpUrl={settings.signUpPage}>
      <Component {...pageProps} />
    </ClerkProvider>
  )
}
