// What the page has to do, one case a promise. Each gets a fresh visitor and the fake Clerk.

import { strict as assert } from 'node:assert'
import { setTimeout as pause } from 'node:timers/promises'

/** What somebody reads after pressing the button with a ticket of this kind, and what they are offered. */
const words = [
  ['used', 'This link has already been used', ['Sign in another way', 'Write to us']],
  ['expired', 'This link has expired', ['Sign in another way', 'Write to us']],
  ['revoked', 'This link has been withdrawn', ['Sign in another way', 'Write to us']],
  ['invalid', 'This link does not work', ['Sign in another way', 'Write to us']],
  ['unusable', 'This link does not work', ['Sign in another way', 'Write to us']],
  ['misplaced', 'This link does not work', ['Sign in another way', 'Write to us']],
  ['exists', 'You are already signed in', ['Continue']],
  ['identifier', 'You are already signed in', ['Continue']],
  ['banned', 'This account is blocked', ['Write to us']],
  ['locked', 'This account is locked for now', ['Try again', 'Write to us']],
  ['deactivated', 'This account is switched off', ['Write to us']],
  ['deprovisioned', 'This account has been removed', ['Write to us']],
  ['strange', 'Signing in did not work', ['Sign in another way', 'Write to us']],
  ['broken', 'There was no answer', ['Try again', 'Write to us']],
]

/** The same for an invitation of this kind. */
const wordsOfInvitations = [
  ['accepted', 'You have an account already', ['Sign in another way', 'Write to us']],
  ['account', 'You have an account already', ['Sign in another way', 'Write to us']],
  ['expired', 'This invitation has expired', ['Write to us']],
  ['withdrawn', 'This invitation has been withdrawn', ['Write to us']],
  ['invalid', 'This link does not work', ['Write to us']],
  ['restricted', 'No account can be opened right now', ['Write to us']],
  ['robot', 'The security check did not pass', ['Try again', 'Write to us']],
  ['exists', 'You are already signed in', ['Continue']],
  ['strange', 'Signing in did not work', ['Sign in another way', 'Write to us']],
  ['broken', 'There was no answer', ['Try again', 'Write to us']],
]

/** Where a link's `to` leads: to a page on the list, with the link's other parameters, or home. */
const destinations = [
  ['/cart', '/cart'],
  ['/offers/dark-evenings?a=1', '/offers/dark-evenings?a=1'],
  ['/survey/', '/survey/'],
  ['/cart#top', '/cart'],
  ['cart', '/'],
  ['/cartoon', '/'],
  ['/admin', '/'],
  ['/cart/../admin', '/'],
  ['/cart/%2e%2e/admin', '/'],
  ['/cart/..%2fadmin', '/'],
  ['/cart/..%5cadmin', '/'],
  ['/cart\\..\\admin', '/'],
  ['//evil.example/cart', '/'],
  ['/\\evil.example/cart', '/'],
  ['/\t/evil.example/cart', '/'],
  ['\n//evil.example/cart', '/'],
  ['https://evil.example/cart', '/'],
  ['https:/cart', '/'],
  ['javascript:alert(1)', '/'],
  ['//', '/'],
  ['', '/'],
]

/** The inline script that hides the link. */
const ours = /<script>if \(\/[^<]*<\/script>/

async function signedIn(visit, user) {
  await visit.open(visit.fapi.mint('good', user))
  await visit.press()
  await visit.arrives('/')
  visit.sent.length = 0
}

export const cases = {
  async 'nothing happens on load, nor 5 s later'(visit) {
    const ticket = visit.fapi.mint('good')
    await visit.open(ticket)
    await visit.page.mouse.move(200, 200)
    await visit.page.mouse.wheel(0, 400)
    await visit.tried(ticket, 0, 5000)
    assert.ok(!visit.fapi.spent(ticket))
    await visit.hidden(ticket)
  },

  async 'no token in the address before another script runs'(visit) {
    const ticket = visit.fapi.mint('good')
    await visit.changed(html => {
      // Only what Next and Clerk load for themselves may stand before our script: no snippet that reads addresses.
      const before = html.slice(0, html.search(ours)).match(/<script(?! (src="\/_next\/|defer="" (noModule="" )?src="\/_next\/|src="https:\/\/clerk\.example\.test\/npm\/))[^>]*>/g)
      return before ? html : html.replace(ours, '$&<script>window.early = location.href + document.URL</script>')
    })
    await visit.open(ticket, { to: '/cart', utm_source: 'email' })
    const { host } = visit
    assert.equal(await visit.page.evaluate(() => window.early), `https://${host}/accept-token`.repeat(2))
    assert.equal(visit.page.url(), `https://${host}/accept-token`)
    assert.equal(await visit.page.evaluate(() => typeof window.signInLink), 'undefined')
  },

  async 'no token in the HTML; no-referrer, no-store, no frames'(visit) {
    const ticket = visit.fapi.mint('good')
    await visit.open(ticket)
    assert.ok(!(await visit.response.text()).includes(ticket))
    const headers = visit.response.headers()
    assert.equal(headers['referrer-policy'], 'no-referrer')
    assert.match(headers['cache-control'], /no-store/)
    assert.match(headers['content-security-policy'], /frame-ancestors 'none'/)
    assert.equal(await visit.page.locator('meta[name=referrer]').getAttribute('content'), 'no-referrer')
    assert.match(await visit.page.title(), /^Sign in to /)
  },

  async 'the address is cleaned even where the first script may not run'(visit) {
    const ticket = visit.fapi.mint('good')
    await visit.changed(html => html.replace(ours, ''))
    await visit.open(ticket, { to: '/cart' })
    await visit.page.waitForURL(`https://${visit.host}/accept-token`)
    await visit.press()
    await visit.arrives('/cart')
    await visit.tried(ticket, 1)
  },

  async 'a double click redeems once, and leads to the page in the link'(visit) {
    const ticket = visit.fapi.mint('good')
    await visit.open(ticket, { to: '/cart', cart: 'c-1 & 2', utm_source: 'email' })
    await visit.button('Continue').dblclick()
    await visit.arrives('/cart?cart=c-1+%26+2&utm_source=email')
    await visit.page.getByText('Signed in as ada@example.com').waitFor()
    await visit.tried(ticket, 1, 1500)
    await visit.hidden(ticket)
    await visit.page.reload()
    await visit.page.getByText('Signed in as ada@example.com').waitFor()
    await visit.page.goBack()
    assert.ok(!visit.page.url().includes('accept-token'), 'the page is still in the history')
  },

  async 'ten clicks while Clerk is slow redeem once'(visit) {
    const ticket = visit.fapi.mint('slow')
    await visit.open(ticket)
    await visit.press()
    const button = visit.button('Signing you in …')
    const disabled = await button.evaluate(element => {
      for (let click = 0; click < 9; click += 1) element.click()
      return element.getAttribute('aria-disabled')
    })
    assert.equal(disabled, 'true')
    await visit.arrives('/')
    await visit.tried(ticket, 1)
  },

  async 'the keyboard is enough'(visit) {
    const ticket = visit.fapi.mint('expired')
    await visit.open(ticket)
    await visit.page.keyboard.press('Tab')
    await visit.page.keyboard.press('Enter')
    await visit.title('This link has expired')
    assert.equal(await visit.page.evaluate(() => document.activeElement.textContent), 'This link has expired')
    await visit.page.keyboard.press('Tab')
    assert.equal(await visit.page.evaluate(() => document.activeElement.textContent), 'Sign in another way')
    await visit.tried(ticket, 1)
  },

  async '`__clerk_ticket` is taken too'(visit) {
    const ticket = visit.fapi.mint('good')
    await visit.open(ticket, { __clerk_status: 'sign_in', to: '/welcome' }, '__clerk_ticket')
    await visit.tried(ticket, 0)
    await visit.press()
    await visit.arrives('/welcome')
    await visit.tried(ticket, 1)
    await visit.hidden(ticket)
  },

  async 'signed in already: nothing until asked, then on as before'(visit) {
    await signedIn(visit, 'grace')
    const ticket = visit.fapi.mint('good', 'ada')
    await visit.open(ticket, { to: '/cart' })
    await visit.title('You are already signed in')
    await visit.tried(ticket, 0, 1500)
    await visit.hidden(ticket)
    await visit.link('Continue as grace@example.com').click()
    await visit.arrives('/cart')
    await visit.page.getByText('Signed in as grace@example.com').waitFor()
    await visit.tried(ticket, 0)
    assert.ok(!visit.fapi.spent(ticket))
  },

  async 'signed in already: the account is switched on request'(visit) {
    await signedIn(visit, 'grace')
    const ticket = visit.fapi.mint('good', 'ada')
    await visit.open(ticket, { to: '/cart' })
    await visit.button('Sign out and use the link').dblclick()
    await visit.arrives('/cart')
    await visit.page.getByText('Signed in as ada@example.com').waitFor()
    await visit.tried(ticket, 1)
    await visit.hidden(ticket)
  },

  async 'signed in already: a switch with a used link says so'(visit) {
    await signedIn(visit, 'grace')
    const ticket = visit.fapi.mint('used', 'ada')
    await visit.open(ticket)
    await visit.button('Sign out and use the link').click()
    await visit.title('This link has already been used')
    await visit.tried(ticket, 1)
  },

  async 'too many at once: waits as long as Clerk says, and for a human'(visit) {
    const ticket = visit.fapi.mint('limited')
    await visit.open(ticket)
    await visit.press()
    await visit.title('Too many people at once')
    await visit.button(/Try again in [123] s/).click({ force: true })
    await visit.tried(ticket, 1, 0)
    await visit.page.getByRole('button', { name: 'Try again', exact: true }).waitFor()
    await visit.tried(ticket, 1)
    await visit.button('Try again').dblclick()
    await visit.arrives('/')
    await visit.tried(ticket, 2)
  },

  async 'no answer: a human tries again'(visit) {
    for (const kind of ['broken-before', 'gateway']) {
      await visit.context.clearCookies()
      const ticket = visit.fapi.mint(kind)
      await visit.open(ticket)
      await visit.press()
      await visit.title('There was no answer')
      await visit.tried(ticket, 1, 1500)
      await visit.button('Try again').click()
      await visit.arrives('/')
      await visit.tried(ticket, 2)
    }
  },

  async 'the answer is lost: the second try says that the link is used'(visit) {
    const ticket = visit.fapi.mint('broken-after')
    await visit.open(ticket)
    await visit.press()
    await visit.title('There was no answer')
    await visit.button('Try again').click()
    await visit.title('This link has already been used')
    await visit.tried(ticket, 2)
  },

  async 'offline: says so, then goes on'(visit) {
    visit.expects = /Loading chunk/
    const ticket = visit.fapi.mint('good')
    await visit.open(ticket)
    await visit.context.setOffline(true)
    await visit.press()
    await visit.title('There was no answer')
    await visit.tried(ticket, 0)
    await visit.context.setOffline(false)
    await visit.button('Try again').click()
    await visit.arrives('/')
    await visit.tried(ticket, 1)
  },

  async 'second factor: Clerk’s sign-in page takes over and ends at the page in the link'(visit) {
    const ticket = visit.fapi.mint('needs_second_factor')
    await visit.open(ticket, { to: '/cart', cart: '7' })
    await visit.press()
    await visit.page.waitForURL('**/sign-in/factor-two?*')
    await visit.page.getByLabel('Enter verification code').fill('424242')
    await visit.arrives('/cart?cart=7')
    await visit.page.getByText('Signed in as ada@example.com').waitFor()
    await visit.tried(ticket, 1)
    await visit.hidden(ticket)
  },

  async 'other steps lead to their page of Clerk’s sign-in'(visit) {
    for (const [kind, step] of [['needs_client_trust', 'client-trust'], ['needs_new_password', 'reset-password'], ['task', 'tasks/choose-organization']]) {
      await visit.context.clearCookies()
      const ticket = visit.fapi.mint(kind)
      await visit.open(ticket, { to: '/cart' })
      const seen = visit.page.waitForURL(`**/sign-in/${step}?redirect_url=%2Fcart`)
      await visit.press()
      await seen
      await visit.tried(ticket, 1)
    }
  },

  async 'a status nobody knows is no success'(visit) {
    const ticket = visit.fapi.mint('needs_tomorrow')
    await visit.open(ticket)
    await visit.press()
    await visit.title('Signing in did not work')
    await visit.page.getByText('needs_tomorrow').waitFor()
    await visit.tried(ticket, 1)
  },

  async 'a link leads only to listed pages'(visit) {
    await signedIn(visit, 'grace')
    const ticket = visit.fapi.mint('good')
    for (const [to, expected] of destinations) {
      await visit.open(ticket, { to })
      assert.equal(await visit.link('Continue as').getAttribute('href'), expected, `to=${JSON.stringify(to)}`)
    }
    await visit.tried(ticket, 0)
  },

  async 'without a token, or after a reload: asks for the mail'(visit) {
    await visit.open(undefined, { to: '/cart' })
    await visit.title('This page needs the link from your mail')
    const ticket = visit.fapi.mint('good')
    await visit.open(ticket)
    await visit.page.reload()
    await visit.settled()
    await visit.title('This page needs the link from your mail')
    await visit.tried(ticket, 0)
  },

  async 'an invitation: nothing on load, one press opens the account and leads on'(visit) {
    const ticket = visit.fapi.invite('good')
    await visit.accept(ticket, { to: '/cart', utm_source: 'email' })
    await visit.title('Join Tidewater')
    await visit.tried(ticket, 0, 3000)
    assert.ok(!visit.fapi.spent(ticket))
    await visit.button('Continue').dblclick()
    await visit.arrives('/cart?utm_source=email')
    await visit.page.getByText('Signed in as lin@example.com').waitFor()
    await visit.tried(ticket, 1, 1500)
    await visit.hidden(ticket)
  },

  async 'an invitation is known without `__clerk_status`, and a sign-in token is none with it'(visit) {
    const ticket = visit.fapi.invite('good')
    await visit.open(ticket, {}, '__clerk_ticket')
    await visit.title('Join Tidewater')
    await visit.press()
    await visit.arrives('/')
    await visit.tried(ticket, 1)
    await visit.context.clearCookies()
    const token = visit.fapi.mint('good')
    await visit.open(token, { __clerk_status: 'sign_in' }, '__clerk_ticket')
    await visit.title('Sign in to Tidewater')
    await visit.press()
    await visit.arrives('/')
    await visit.page.getByText('Signed in as ada@example.com').waitFor()
  },

  async 'an invitation that leaves something open: Clerk’s sign-up page asks for it and ends at the page in the link'(visit) {
    const ticket = visit.fapi.invite('missing_name')
    await visit.accept(ticket, { to: '/cart', cart: '7' })
    await visit.press()
    await visit.page.waitForURL('**/sign-up/continue?*')
    await visit.page.getByLabel('First name').fill('Lin')
    await visit.page.getByRole('button', { name: 'Continue', exact: true }).click()
    await visit.arrives('/cart?cart=7')
    await visit.page.getByText('Signed in as lin@example.com').waitFor()
    await visit.tried(ticket, 1)
    await visit.hidden(ticket)
  },

  async 'other open ends lead to their page of Clerk’s sign-up'(visit) {
    for (const [kind, step] of [['missing_phone', 'verify-phone-number'], ['missing_check', 'protect-check']]) {
      await visit.context.clearCookies()
      const ticket = visit.fapi.invite(kind)
      await visit.accept(ticket, { to: '/cart' })
      const seen = visit.page.waitForURL(`**/sign-up/${step}?redirect_url=%2Fcart`)
      await visit.press()
      await seen
      await visit.tried(ticket, 1)
    }
  },

  async 'an invitation for somebody who is signed in: asks, and switches on request'(visit) {
    await signedIn(visit, 'grace')
    const ticket = visit.fapi.invite('good')
    await visit.accept(ticket, { to: '/cart' })
    await visit.title('You are already signed in')
    await visit.tried(ticket, 0, 1000)
    await visit.button('Sign out and use the link').dblclick()
    await visit.arrives('/cart')
    await visit.page.getByText('Signed in as lin@example.com').waitFor()
    await visit.tried(ticket, 1)
    await visit.hidden(ticket)
  },

  async 'an invitation that Clerk calls complete: on as signed in, or to sign in'(visit) {
    const ticket = visit.fapi.invite('accepted')
    await visit.accept(ticket, { __clerk_status: 'complete', to: '/cart' })
    await visit.title('You have an account already')
    await signedIn(visit, 'grace')
    await visit.accept(ticket, { __clerk_status: 'complete', to: '/cart' })
    await visit.title('You are already signed in')
    assert.equal(await visit.button('Sign out').count(), 0)
    assert.equal(await visit.link('Continue as grace@example.com').getAttribute('href'), '/cart')
    await visit.tried(ticket, 0)
  },

  async 'an invitation offline, or limited: a human tries again'(visit) {
    visit.expects = /Loading chunk/
    const ticket = visit.fapi.invite('limited')
    await visit.accept(ticket)
    await visit.context.setOffline(true)
    await visit.press()
    await visit.title('There was no answer')
    await visit.tried(ticket, 0)
    await visit.context.setOffline(false)
    await visit.button('Try again').click()
    await visit.title('Too many people at once')
    await visit.page.getByRole('button', { name: 'Try again', exact: true }).waitFor()
    await visit.tried(ticket, 1)
    await visit.button('Try again').click()
    await visit.arrives('/')
    await visit.tried(ticket, 2)
  },

  async 'a used link where somebody has signed in meanwhile: on as they are'(visit) {
    const ticket = visit.fapi.mint('used')
    await visit.open(ticket, { to: '/cart' })
    await visit.press()
    await visit.title('This link has already been used')
    const other = await visit.context.newPage()
    await other.goto(`https://${visit.host}/accept-token?token=${visit.fapi.mint('good', 'grace')}`)
    await other.getByRole('button', { name: 'Continue' }).click()
    await other.waitForURL(`https://${visit.host}/`)
    await other.getByText('Signed in as grace@example.com').waitFor()
    await other.close()
    await visit.page.bringToFront()
    await visit.page.evaluate(() => window.dispatchEvent(new Event('focus')))
    await visit.page.getByText('You can go on without it').waitFor({ timeout: 10_000 })
    await visit.title('This link has already been used')
    assert.equal(await visit.link('Sign in another way').count(), 0)
    await visit.link('Continue as grace@example.com').click()
    await visit.arrives('/cart')
    await visit.page.getByText('Signed in as grace@example.com').waitFor()
    await visit.tried(ticket, 1)
  },

  async 'Clerk out of reach: says that the link is as good as before'(visit) {
    visit.expects = /Failed to load Clerk JS/
    await visit.page.route('https://clerk.example.test/**', route => route.abort('connectionrefused'))
    const ticket = visit.fapi.mint('good')
    await visit.open(ticket)
    await visit.title('Signing in is not possible right now')
    await visit.tried(ticket, 0)
  },
}

for (const [kind, title, offers] of words) {
  cases[`the words for \`${kind}\`, without another try`] = async visit => {
    const ticket = visit.fapi.mint(kind)
    await visit.open(ticket, { to: '/cart' })
    await visit.press()
    await visit.title(title)
    const choices = await visit.page.locator('main :is(a, button)').allTextContents()
    assert.deepEqual(choices.map((text, place) => text.slice(0, offers[place]?.length)), offers)
    if (kind === 'strange') await visit.page.getByText('code_of_tomorrow').waitFor()
    for (const line of await visit.page.locator('main').allTextContents()) assert.ok(!/token|ticket|session/i.test(line), line)
    await visit.tried(ticket, 1, 1500)
    await visit.hidden(ticket)
  }
}

for (const [kind, title, offers] of wordsOfInvitations) {
  cases[`the words for an invitation that is \`${kind}\`, without another try`] = async visit => {
    const ticket = visit.fapi.invite(kind)
    await visit.accept(ticket, { to: '/cart' })
    await visit.press()
    await visit.title(title)
    const choices = await visit.page.locator('main :is(a, button)').allTextContents()
    assert.deepEqual(choices.map((text, place) => text.slice(0, offers[place]?.length)), offers)
    for (const line of await visit.page.locator('main').allTextContents()) assert.ok(!/token|ticket|session/i.test(line), line)
    await visit.tried(ticket, 1, 1500)
    await visit.hidden(ticket)
  }
}

/** How it looks: pictures for people, and axe for what they may miss. */
export const looks = {
  async ready(visit) {
    await visit.open(visit.fapi.mint('good'))
  },
  async invited(visit) {
    await visit.accept(visit.fapi.invite('good'))
  },
  async working(visit) {
    await visit.open(visit.fapi.mint('never'))
    await visit.press()
    await visit.button('Signing you in …').waitFor()
  },
  async used(visit) {
    await visit.open(visit.fapi.mint('used'))
    await visit.press()
    await visit.title('This link has already been used')
  },
  async limited(visit) {
    await visit.open(visit.fapi.mint('limited'))
    await visit.press()
    await visit.title('Too many people at once')
  },
  async strange(visit) {
    await visit.open(visit.fapi.mint('strange'))
    await visit.press()
    await visit.title('Signing in did not work')
  },
  async 'signed-in'(visit) {
    await signedIn(visit, 'grace')
    await visit.open(visit.fapi.mint('good'))
  },
  async 'no-link'(visit) {
    await visit.open(undefined)
  },
}

export const screens = {
  desktop: { width: 1280, height: 800 },
  dark: { width: 1280, height: 800, colorScheme: 'dark' },
  phone: { width: 320, height: 640 },
  'phone-dark': { width: 320, height: 640, colorScheme: 'dark' },
}
