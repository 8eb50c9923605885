// Drives both example apps in a real Chromium and prints a line per promise. Ends with 1 if one of them is broken.
//
//   node judge.mjs WORK [PART OF A CASE'S NAME]

import { strict as assert } from 'node:assert'
import { mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { cases, looks, screens } from './cases.mjs'
import { apps, openSite } from './site.mjs'
import { Visit } from './visit.mjs'

const work = path.resolve(process.argv[2])
const only = process.argv[3] ?? ''
const tools = createRequire(path.join(work, 'tools/package.json'))
const { chromium } = tools('playwright-core')
const axe = tools.resolve('axe-core')

const all = Object.entries(cases).map(([name, run]) => ({ name, run }))
for (const [look, show] of Object.entries(looks)) {
  all.push({ name: `looks: ${look}, on desktop and phone, light and dark`, run: visit => pictures(visit, look, show) })
}
all.push({
  name: 'without JavaScript it says what is missing',
  options: { javaScriptEnabled: false },
  run: async visit => {
    await visit.page.goto(`https://${visit.host}/accept-token?token=x`)
    const note = visit.page.locator('main noscript')
    assert.match(await note.textContent(), /Please switch JavaScript on/)
    assert.ok((await note.boundingBox()).height > 0)
  },
})

async function pictures(visit, look, show) {
  await show(visit)
  await visit.page.addScriptTag({ path: axe })
  for (const [screen, { colorScheme = 'light', ...size }] of Object.entries(screens)) {
    await visit.page.setViewportSize(size)
    await visit.page.emulateMedia({ colorScheme })
    await visit.page.screenshot({ path: path.join(work, 'pictures', `${visit.host.split('.')[0]}-${look}-${screen}.png`) })
    const wide = await visit.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    assert.ok(wide <= 0, `${screen}: the page is ${wide} px too wide`)
    const { violations } = await visit.page.evaluate(() => window.axe.run())
    const words = violations.map(({ id, help, nodes }) => `${id}: ${help} (${nodes[0].html})`)
    assert.deepEqual(words, [], screen)
  }
}

const site = await openSite(work, chromium)
await mkdir(path.join(work, 'pictures'), { recursive: true })
const hosts = Object.keys(apps)
let broken = 0
const marks = new Map()
try {
  const queue = all.filter(({ name }) => name.includes(only)).flatMap(one => hosts.map(host => ({ ...one, host })))
  const judge = async () => {
    for (let one = queue.shift(); one; one = queue.shift()) {
      const mark = await judged(one)
      marks.set(one.name, { ...marks.get(one.name), [one.host]: mark })
      const row = marks.get(one.name)
      if (hosts.every(host => row[host])) console.log(`${hosts.map(host => row[host].padEnd(4)).join('  ')}  ${one.name}`)
    }
  }
  console.log(`${hosts.map(host => host.split('.')[0].padEnd(4).slice(0, 4)).join('  ')}  promise`)
  await Promise.all([judge(), judge(), judge()])
} finally {
  await site.close()
}
console.log(`${[...marks.values()].length} promises on ${hosts.length} routers, ${broken} broken`)
process.exit(broken > 0 || marks.size === 0 ? 1 : 0)

async function judged({ name, run, host, options }) {
  const visit = await Visit.open(site, host, options)
  try {
    await run(visit)
    const wrong = visit.said.filter(line => line.startsWith('uncaught') || /hydrat|Minified React error/i.test(line))
    const uncaught = wrong.filter(line => !visit.expects?.test(line))
    if (uncaught.length > 0) throw new Error(uncaught.join('; '))
    return 'ok'
  } catch (error) {
    broken += 1
    console.error(`\n${host}: ${name}\n${error.message}\nat ${visit.page.url()}\n${await visit.page.locator('body').innerText().catch(String)}\n${visit.said.slice(-8).join('\n')}\n`)
    return 'FAIL'
  } finally {
    await visit.context.close()
  }
}
