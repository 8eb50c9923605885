import Head from 'next/head'
import { useRouter } from 'next/router'
import { AcceptToken } from '../../accept-token/AcceptToken'
import { settings } from '../../accept-token/settings'

/** Static: without `getServerSideProps`, no token gets into the HTML or a cache. */
export default function Page() {
  const router = useRouter()
  return (
    <>
      <Head>
        <title>{`Sign in to ${settings.site}`}</title>
        <meta name="referrer" content="no-referrer" />
        <meta name="robots" content="noindex" />
      </Head>
      <AcceptToken navigate={path => void router.replace(path)} />
    </>
  )
}
