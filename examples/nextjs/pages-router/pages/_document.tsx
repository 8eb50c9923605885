import { Head, Html, Main, NextScript } from 'next/document'
import { HIDE_LINK } from '../../accept-token/link'

export default function Document() {
  return (
    <Html lang="en">
      <Head>
        <script dangerouslySetInnerHTML={{ __html: HIDE_LINK }} />
      </Head>
      <body>
        <Main />
        <NextScript />
      </body>
    </Html>
  )
}
