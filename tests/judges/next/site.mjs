// The world of the judge: both built apps, the fake Clerk and a real Chromium, on 127.0.0.1 alone.

import { spawn } from 'node:child_process'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { FakeFapi } from './fapi.mjs'
import { openFront } from './front.mjs'

/** The apps by host name, with the folder under the example's that `next start` takes. */
export const apps = { 'app.example.test': '.', 'pages.example.test': 'pages-router' }

/** `work`: the folder that run.sh has prepared. `chromium`: playwright's. */
export async function openSite(work, chromium) {
  const fapi = new FakeFapi({ 'clerk-js': path.join(work, 'clerk-js/package/dist'), ui: path.join(work, 'ui/package/dist') })
  const servers = []
  process.once('exit', () => servers.forEach(server => server.kill()))
  const answers = { 'clerk.example.test': fapi.answer.bind(fapi) }
  for (const [host, folder] of Object.entries(apps)) {
    const port = await freePort()
    const next = path.join(work, 'site/node_modules/next/dist/bin/next')
    const server = spawn(process.execPath, [next, 'start', folder, '-H', '127.0.0.1', '-p', String(port)], {
      cwd: path.join(work, 'site'),
      env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1' },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    servers.push(server)
    answers[host] = port
    await answering(port, server)
  }
  const front = await openFront(path.join(work, 'key.pem'), path.join(work, 'certificate.pem'), answers)
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--ignore-certificate-errors',
      '--disable-blink-features=AutomationControlled',
      // All of it is loopback here, also where a case changes a document on its way.
      '--disable-features=LocalNetworkAccessChecks',
      // Nothing but our own door can be reached.
      `--host-resolver-rules=MAP *.example.test 127.0.0.1:${front.port}, MAP * ~NOTFOUND`,
    ],
  })
  const close = async () => {
    await browser.close()
    front.shut()
    for (const server of servers) server.kill()
  }
  return { fapi, browser, ports: answers, close }
}

function freePort() {
  return new Promise(resolve => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

async function answering(port, server) {
  const until = Date.now() + 60_000
  while (Date.now() < until) {
    if (server.exitCode !== null) throw new Error(`next start ended with ${server.exitCode}`)
    const status = await new Promise(resolve => {
      http.get({ host: '127.0.0.1', port, path: '/accept-token' }, answer => resolve(answer.resume().statusCode)).once('error', () => resolve(0))
    })
    if (status === 200) return
    await pause(200)
  }
  throw new Error('next start did not answer within a minute')
}
