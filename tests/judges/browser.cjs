// A real browser at the pages: node browser.cjs HOST:PORT TOKEN LOADS
// The site's name is mapped to the address and its certificate is our own, so cookies are those of a real visit.
const assert = require('node:assert')
const { chromium } = require('playwright-core')

async function main(address, token, loads) {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', `--host-resolver-rules=MAP app.example.com ${address}`],
  })
  const visitor = options => browser.newContext({ ignoreHTTPSErrors: true, ...options })
  const url = `https://app.example.com/accept-token?token=${token}`
  const problems = []

  // A scanner: loads the page, lets everything run that wants to, waits, follows nothing.
  const scanner = await visitor()
  const reader = await scanner.newPage()
  reader.on('pageerror', error => problems.push(String(error)))
  reader.on('console', message => { if (message.type() === 'error') problems.push(message.text()) })
  reader.on('request', request => { if (request.method() !== 'GET') problems.push(request.method()) })
  for (let round = 0; round < Number(loads); round++) {
    await reader.goto(url, { waitUntil: round % 10 ? 'load' : 'networkidle' })
    assert.equal(await reader.locator('button').count(), 1)
  }
  assert.deepEqual(problems, [])
  await scanner.close()

  // A person without scripts, by keyboard alone, on a phone.
  const person = await visitor({ javaScriptEnabled: false, viewport: { width: 390, height: 780 } })
  const page = await person.newPage()
  await page.goto(url)
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.waitForURL('https://app.example.com/home')
  const cookies = Object.fromEntries((await person.cookies()).map(cookie => [cookie.name, cookie]))
  const session = cookies['__Host-session']
  assert.ok(session.secure && session.httpOnly && session.sameSite === 'Lax', JSON.stringify(session))

  // Somebody else comes too late; the person is told that all is well.
  const other = await visitor()
  const late = await other.newPage()
  assert.equal((await late.goto(url)).status(), 410)
  assert.equal((await page.goto(url)).status(), 200)
  assert.equal(await page.locator('h1').textContent(), 'You are signed in')
  await browser.close()
  console.log('ok')
}

main(...process.argv.slice(2)).catch(error => { console.error(error); process.exit(1) })
