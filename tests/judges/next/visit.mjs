// One visitor: an own browser profile and one page, with every request on record.

import { strict as assert } from 'node:assert'
import { setTimeout as pause } from 'node:timers/promises'

async function agentOf(browser) {
  const page = await browser.newPage()
  const agent = await page.evaluate(() => navigator.userAgent)
  await page.close()
  return agent.replace('Headless', '')
}

export class Visit {
  /** The address of every request, with the referrer and the body that went along. */
  sent = []
  /** What the page's console and uncaught errors said. */
  said = []
  /** Uncaught errors that belong to the case: Clerk's own, when its scripts cannot be loaded. */
  expects = undefined

  static async open(site, host, options = {}) {
    // clerk-js takes a robot's failed requests for nothing at all: it must not know us for one.
    const userAgent = (site.agent ??= await agentOf(site.browser))
    const context = await site.browser.newContext({ ignoreHTTPSErrors: true, userAgent, ...options })
    const visit = new Visit()
    Object.assign(visit, { fapi: site.fapi, port: site.ports[host], host, context, page: await context.newPage() })
    visit.page.on('request', request => visit.sent.push({ url: request.url(), referrer: request.headers().referer ?? '', body: request.postData() ?? '' }))
    visit.page.on('console', message => visit.said.push(`${message.type()}: ${message.text()}`))
    visit.page.on('pageerror', error => visit.said.push(`uncaught: ${error.message}`))
    return visit
  }

  /** Opens the mail's link and waits until the page has something to say. */
  async open(ticket, more = {}, parameter = 'token') {
    const query = new URLSearchParams({ ...(ticket && { [parameter]: ticket }), ...more })
    this.response = await this.page.goto(`https://${this.host}/accept-token?${query}`)
    await this.settled()
  }

  /** Opens an invitation as Clerk leads there from its own address. */
  async accept(ticket, more = {}) {
    await this.open(ticket, { __clerk_status: 'sign_up', ...more }, '__clerk_ticket')
  }

  /** Serves the page with its HTML changed. */
  async changed(change) {
    await this.page.route(/accept-token\?token=/, async route => {
      const html = await (await fetch(`http://127.0.0.1:${this.port}/accept-token`)).text()
      const body = change(html)
      await (body === html ? route.abort() : route.fulfill({ contentType: 'text/html; charset=utf-8', body }))
    })
  }

  async settled() {
    await this.page.locator('h1:not(:text("One moment"))').waitFor({ timeout: 30_000 })
  }

  title(text) {
    return this.page.getByRole('heading', { name: text, exact: true }).waitFor({ timeout: 10_000 })
  }

  button(name) {
    return this.page.getByRole('button', { name })
  }

  link(name) {
    return this.page.getByRole('link', { name })
  }

  async press() {
    await this.button('Continue').click()
  }

  /** Waits until the page is `path`, with everything after the host. */
  async arrives(path) {
    await this.page.waitForURL(`https://${this.host}${path}`, { timeout: 10_000 })
  }

  /** That a ticket went to Clerk so many times, also a while later. */
  async tried(ticket, times, wait = 600) {
    await pause(wait)
    assert.equal(this.fapi.tries(ticket), times, 'POSTs to Clerk with this ticket')
  }

  /** That the ticket is in no address that anything on the page can see, and went to nobody but Clerk. */
  async hidden(ticket) {
    assert.ok(!(await this.page.evaluate(() => location.href + document.URL + document.referrer)).includes(ticket), 'the address holds the ticket')
    const [opened, ...rest] = this.sent
    assert.ok(opened.url.includes(ticket) && opened.referrer === '')
    for (const { url, referrer, body } of rest) {
      assert.ok(!url.includes(ticket), `the ticket is in the address of ${url.split('?')[0]}`)
      assert.ok(!referrer.includes(ticket), `the ticket is in the referrer of ${url.split('?')[0]}`)
      assert.ok(!body.includes(ticket) || /^https:\/\/clerk\.example\.test\/v1\/client\/sign_(in|up)s\?/.test(url), `the ticket is in the body of ${url}`)
      assert.match(new URL(url).host, /^(app|pages|clerk)\.example\.test$|^$/, 'a request left the site')
    }
    for (const line of this.said) assert.ok(!line.includes(ticket), 'the ticket is in the console')
  }
}
