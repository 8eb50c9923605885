// A fake of Clerk's Frontend API: just enough for the real clerk-js and its components to sign somebody in with a
// ticket. It keeps a client per cookie, hands out tickets that go one way each, and counts what arrives.

import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'

const seconds = () => Math.floor(Date.now() / 1000)
const id = prefix => `${prefix}_${randomBytes(10).toString('hex')}`

/** Clerk's refusals of a ticket: status, code, long message. */
export const refusals = {
  used: [400, 'sign_in_token_already_used_code', 'This sign in token has already been used. Each token can only be used once.'],
  expired: [400, 'ticket_expired_code', 'This ticket has expired and cannot be used anymore.'],
  revoked: [400, 'sign_in_token_revoked_code', 'This sign in token has been revoked and cannot be used anymore.'],
  invalid: [400, 'ticket_invalid_code', 'This ticket is invalid.'],
  unusable: [400, 'sign_in_token_cannot_be_used_code', 'This sign in token cannot be used.'],
  misplaced: [400, 'sign_in_token_not_in_sign_in_code', 'This sign in token cannot be used outside a sign in.'],
  exists: [400, 'session_exists', "You're already signed in."],
  identifier: [400, 'identifier_already_signed_in', 'You are already signed in with this identifier.'],
  banned: [403, 'user_banned', 'This user has been banned.'],
  locked: [403, 'user_locked', 'Your account is locked.'],
  deactivated: [403, 'user_deactivated', 'This user has been deactivated.'],
  deprovisioned: [401, 'deprovisioned', 'This account has been deprovisioned.'],
  strange: [422, 'code_of_tomorrow', 'Nobody knows this one yet.'],
  broken: [500, 'internal_clerk_error', 'There was an internal error.'],
}

export class FakeFapi {
  #clients = new Map()
  #tickets = new Map()
  #packages
  /** Everything that came: method, path, ticket. */
  requests = []

  /** `packages`: the folders that hold clerk-js and ui, by package name. */
  constructor(packages) {
    this.#packages = packages
  }

  /** A ticket of a kind: `good`, a key of `refusals`, or one of the kinds in `#redeem`. As long as a real one. */
  mint(kind, user = 'ada') {
    const text = `${randomBytes(20).toString('base64url')}.${randomBytes(160).toString('base64url')}.${randomBytes(256).toString('base64url')}`
    this.#tickets.set(text, { kind, user, spent: false, tries: 0 })
    return text
  }

  /** How many times a browser tried to redeem this ticket. */
  tries(ticket) {
    return this.requests.filter(request => request.ticket === ticket).length
  }

  spent(ticket) {
    return this.#tickets.get(ticket).spent
  }

  async answer(request, response) {
    const url = new URL(request.url, 'https://clerk.example.test')
    const method = (url.searchParams.get('_method') ?? request.method).toUpperCase()
    const form = new URLSearchParams(await text(request))
    this.requests.push({ method, path: url.pathname, ticket: form.get('ticket') ?? undefined })

    response.setHeader('Access-Control-Allow-Origin', request.headers.origin ?? '*')
    response.setHeader('Access-Control-Allow-Credentials', 'true')
    response.setHeader('Access-Control-Expose-Headers', 'Retry-After, Authorization')
    response.setHeader('Vary', 'Origin')
    if (request.method === 'OPTIONS') return response.writeHead(204).end()

    const file = /^\/npm\/@clerk\/(clerk-js|ui)@[^/]+\/dist\/([\w.-]+\.js)$/.exec(url.pathname)
    if (file) return this.#file(response, file[1], file[2])

    const known = /__client=(\w+)/.exec(request.headers.cookie ?? '')?.[1]
    const client = this.#clients.get(known)
    const route = `${method} ${url.pathname.replace(/(sess|sia)_\w+/, ':id')}`
    switch (route) {
      case 'GET /v1/environment':
        return send(response, environment)
      case 'GET /v1/client':
        return send(response, { response: client ? shown(client) : null, client: null })
      case 'POST /v1/client/sign_ins':
        return this.#redeem(response, client ?? this.#open(response), form)
      case 'POST /v1/client/sign_ins/:id/attempt_second_factor': {
        if (form.get('code') !== '424242') return refuse(response, [422, 'form_code_incorrect', 'Incorrect code'])
        complete(client)
        return send(response, { response: client.signIn, client: shown(client) })
      }
      case 'POST /v1/client/sessions/:id/touch':
        return send(response, { response: client.sessions[0], client: shown(client) })
      case 'POST /v1/client/sessions/:id/tokens':
        return send(response, { object: 'token', jwt: jwt(client.sessions[0].id, client.sessions[0].user.id) })
      case 'DELETE /v1/client/sessions':
        client.sessions = []
        return send(response, { response: shown(client), client: shown(client) })
      default:
        return refuse(response, [404, 'resource_not_found', `nothing at ${route}`])
    }
  }

  async #file(response, name, file) {
    try {
      const bytes = await readFile(path.join(this.#packages[name], file))
      response.writeHead(200, { 'Content-Type': 'text/javascript', 'Cache-Control': 'max-age=3600' }).end(bytes)
    } catch {
      response.writeHead(404).end()
    }
  }

  #open(response) {
    const client = { id: id('client'), sessions: [], signIn: null }
    this.#clients.set(client.id, client)
    response.setHeader('Set-Cookie', [
      `__client=${client.id}; Path=/; HttpOnly; Secure; SameSite=Lax`,
      `__client_uat=${seconds()}; Path=/; Domain=example.test; Secure; SameSite=Lax`,
    ])
    return client
  }

  async #redeem(response, client, form) {
    const ticket = this.#tickets.get(form.get('ticket'))
    if (form.get('strategy') !== 'ticket' || !ticket) return refuse(response, refusals.invalid)
    if (client.sessions.length > 0) return refuse(response, refusals.exists)
    ticket.tries += 1

    let { kind } = ticket
    if (kind === 'never') return
    if (kind === 'slow') await new Promise(done => setTimeout(done, 1500))
    if (kind === 'limited' && ticket.tries === 1) {
      response.setHeader('Retry-After', '3')
      return refuse(response, [429, 'too_many_requests', 'Too many requests. Please try again in a bit.'])
    }
    // The connection breaks: before the ticket is taken, or after, when only the answer is lost.
    if (kind === 'broken-before' && ticket.tries === 1) return breakOff(response)
    if (kind === 'gateway' && ticket.tries === 1) return response.writeHead(502, { 'Content-Type': 'text/html' }).end('<h1>Bad gateway</h1>')
    if (ticket.spent) kind = 'used'
    if (refusals[kind]) return refuse(response, refusals[kind])

    ticket.spent = true
    if (kind === 'broken-after') return breakOff(response)
    client.signIn = signIn(people[ticket.user])
    if (kind.startsWith('needs_')) client.signIn.status = kind
    else complete(client, kind === 'task' ? [{ key: 'choose-organization' }] : null)
    return send(response, { response: client.signIn, client: shown(client) })
  }
}

async function text(request) {
  let body = ''
  for await (const chunk of request) body += chunk
  return body
}

function send(response, value, status = 200) {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value))
}

/** Starts an answer and breaks off. (With no byte of an answer, Chromium itself sends the request once more.) */
function breakOff(response) {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '500' })
  response.write('{"response":', () => response.destroy())
}

function refuse(response, [status, code, message]) {
  send(response, { errors: [{ code, message, long_message: message }], clerk_trace_id: id('trace') }, status)
}

function person(name) {
  const address = `${name}@example.com`
  const email = { object: 'email_address', id: `idn_${name}`, email_address: address, verification: { status: 'verified', strategy: 'ticket' }, linked_to: [] }
  return {
    object: 'user', id: `user_${name}`, username: null, first_name: null, last_name: null, image_url: '', has_image: false,
    primary_email_address_id: email.id, primary_phone_number_id: null, primary_web3_wallet_id: null, email_addresses: [email],
    phone_numbers: [], web3_wallets: [], external_accounts: [], enterprise_accounts: [], passkeys: [], organization_memberships: [],
    password_enabled: false, totp_enabled: true, backup_code_enabled: false, two_factor_enabled: true, public_metadata: {},
    unsafe_metadata: {}, created_at: 1, updated_at: 1,
  }
}

const people = { ada: person('ada'), grace: person('grace') }

function signIn(user) {
  return {
    object: 'sign_in', id: id('sia'), status: 'complete', identifier: user.email_addresses[0].email_address, user_data: {},
    supported_identifiers: [], supported_first_factors: [], supported_second_factors: [{ strategy: 'totp' }],
    first_factor_verification: { status: 'verified', strategy: 'ticket' }, second_factor_verification: null,
    created_session_id: null, user,
  }
}

function complete(client, tasks = null) {
  const { user } = client.signIn
  const now = Date.now()
  const session = {
    object: 'session', id: id('sess'), status: tasks ? 'pending' : 'active', tasks, user, actor: null, factor_verification_age: [0, -1],
    public_user_data: { identifier: user.email_addresses[0].email_address, image_url: '', has_image: false, first_name: null, last_name: null },
    expire_at: now + 7 * 86_400_000, abandon_at: now + 30 * 86_400_000, last_active_at: now, last_active_organization_id: null,
    created_at: now, updated_at: now,
  }
  session.last_active_token = { object: 'token', jwt: jwt(session.id, user.id) }
  client.sessions = [session]
  client.signIn.status = 'complete'
  client.signIn.created_session_id = session.id
}

function shown(client) {
  const open = client.signIn && client.signIn.status !== 'complete' ? client.signIn : null
  return { object: 'client', id: client.id, sessions: client.sessions, sign_in: open, sign_up: null, last_active_session_id: client.sessions[0]?.id ?? null, created_at: 1, updated_at: 1 }
}

/** Browsers read a session token but cannot check it: the signature is none. */
function jwt(sid, sub) {
  const part = value => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'RS256', typ: 'JWT', kid: 'ins_judge' })}.${part({ sid, sub, iss: 'https://clerk.example.test', iat: seconds(), nbf: seconds() - 5, exp: seconds() + 60 })}.${part('none')}`
}

const off = { enabled: false, required: false, used_for_first_factor: false, first_factors: [], used_for_second_factor: false, second_factors: [], verifications: [], verify_at_sign_up: false }
const environment = {
  object: 'environment',
  auth_config: { object: 'auth_config', id: 'aconf_judge', single_session_mode: true, reverification: false },
  display_config: {
    object: 'display_config', id: 'dconf_judge', instance_environment_type: 'production', application_name: 'Tidewater',
    preferred_sign_in_strategy: 'otp', theme: {}, branded: false, sign_in_url: 'https://accounts.example.test/sign-in',
    sign_up_url: 'https://accounts.example.test/sign-up', home_url: '/', after_sign_in_url: '/', after_sign_up_url: '/',
    after_sign_out_one_url: '/', after_sign_out_all_url: '/', captcha_public_key: null, support_email: 'support@tidewater.example',
  },
  user_settings: {
    attributes: {
      email_address: { ...off, enabled: true, required: true, used_for_first_factor: true, first_factors: ['email_code'], verifications: ['email_code'], verify_at_sign_up: true },
      phone_number: off, username: off, web3_wallet: off, first_name: off, last_name: off, password: off, passkey: off, backup_code: off,
      authenticator_app: { ...off, enabled: true, used_for_second_factor: true, second_factors: ['totp'] },
    },
    actions: { delete_self: false, create_organization: false },
    sign_in: { second_factor: { required: false, enabled: true } },
    sign_up: { mode: 'public', progressive: true, captcha_enabled: false },
    social: {}, password_settings: {}, username_settings: {}, passkey_settings: {}, enterprise_sso: { enabled: false },
  },
  organization_settings: { enabled: true, force_organization_selection: true, max_allowed_memberships: 5, domains: { enabled: false, enrollment_modes: [] }, actions: {}, slug: { disabled: true } },
  maintenance_mode: false,
}
