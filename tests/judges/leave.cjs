// A person without scripts and without cookies leaves, by keyboard alone, and thinks again: node leave.cjs HOST:PORT PATH [FOLDER]
// With a folder, the pages are kept there as pictures.
const assert = require('node:assert')
const { chromium } = require('playwright-core')

async function main(address, path, folder) {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', `--host-resolver-rules=MAP app.example.com ${address}`],
  })
  const shapes = [
    { viewport: { width: 390, height: 780 }, colorScheme: 'dark' },
    { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  ]
  for (const shape of shapes) {
    const person = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: false, ...shape })
    const page = await person.newPage()
    const picture = async name => {
      if (folder) await page.screenshot({ path: `${folder}/${name}-${shape.viewport.width}.png` })
    }
    const title = text => page.locator('h1', { hasText: text }).waitFor()
    const press = async () => {
      await page.locator('button').focus()
      await page.keyboard.press('Enter')
    }
    await page.goto(`https://app.example.com${path}`)
    await title('Unsubscribe')
    await picture('before')
    await press()
    await title('You are unsubscribed')
    await picture('after')
    // Again from the server, as after a look at another page: still the same, and nothing is sent anew.
    await page.reload()
    await title('You are unsubscribed')
    await press()
    await title('You are subscribed again')
    await picture('undone')
    await page.goto(`https://app.example.com${path}`)
    await title('Unsubscribe')
    assert.deepEqual(await person.cookies(), [])
    await person.close()
  }
  await browser.close()
  console.log('ok')
}

main(...process.argv.slice(2)).catch(error => { console.error(error); process.exit(1) })
