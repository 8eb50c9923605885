// A fake of Clerk's Frontend API: just enough for the real clerk-js and its components to sign somebody in or up with a
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
  accepted: [400, 'invitation_already_accepted', 'Invitation is already accepted, try signing in instead.'],
  account: [400, 'invitation_account_exists', 'An account already exists for this invitation. Sign in instead.'],
  withdrawn: [400, 'revoked_invitation', 'The invitation was revoked.'],
  restricted: [403, 'sign_up_mode_restricted', 'New sign-ups are currently restricted.'],
  robot: [400, 'captcha_invalid', 'Authentication unsuccessful due to failed security validations.'],
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
    return this.#keep(claims('sign_in_token', 'sit'), { kind, user, way: 'sign_ins' })
  }

  /** The same for somebody who has no account yet. */
  invite(kind, user = 'lin') {
    return this.#keep(claims('invitation', 'inv'), { kind, user, way: 'sign_ups' })
  }

  #keep(claims, ticket) {
    const text = `${randomBytes(20).toString('base64url')}.${claims}.${randomBytes(256).toString('base64url')}`
    this.#tickets.set(text, { ...ticket, spent: false, tries: 0 })
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
    const route = `${method} ${url.pathname.replace(/(sess|sia|sua)_\w+/, ':id')}`
    switch (route) {
      case 'GET /v1/environment':
        return send(response, environment)
      case 'GET /v1/client':
        return send(response, { response: client ? shown(client) : null, client: null })
      case 'POST /v1/client/sign_ins':
      case 'POST /v1/client/sign_ups':
        return this.#redeem(response, client ?? this.#open(response), form, url.pathname.split('/').at(-1))
      case 'PATCH /v1/client/sign_ups/:id': {
        if (!form.get('first_name')) return refuse(response, [422, 'form_param_missing', 'first_name must be included.'])
        complete(client, client.signUp)
        return send(response, { response: client.signUp, client: shown(client) })
      }
      case 'POST /v1/client/sign_ins/:id/attempt_second_factor': {
        if (form.get('code') !== '424242') return refuse(response, [422, 'form_code_incorrect', 'Incorrect code'])
        complete(client, client.signIn)
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
    const client = { id: id('client'), sessions: [], signIn: null, signUp: null }
    this.#clients.set(client.id, client)
    response.setHeader('Set-Cookie', [
      `__client=${client.id}; Path=/; HttpOnly; Secure; SameSite=Lax`,
      `__client_uat=${seconds()}; Path=/; Domain=example.test; Secure; SameSite=Lax`,
    ])
    return client
  }

  async #redeem(response, client, form, way) {
    const ticket = this.#tickets.get(form.get('ticket'))
    if (form.get('strategy') !== 'ticket' || !ticket) return refuse(response, refusals.invalid)
    if (ticket.way !== way) return refuse(response, way === 'sign_ups' ? refusals.misplaced : noSuchAccount)
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
    if (ticket.spent) kind = way === 'sign_ups' ? 'accepted' : 'used'
    if (refusals[kind]) return refuse(response, refusals[kind])

    ticket.spent = true
    if (kind === 'broken-after') return breakOff(response)
    const attempt = way === 'sign_ups' ? (client.signUp = signUp(people[ticket.user])) : (client.signIn = signIn(people[ticket.user]))
    if (kind.startsWith('needs_')) attempt.status = kind
    else if (kind.startsWith('missing_')) Object.assign(attempt, { status: 'missing_requirements', ...lacking[kind] })
    else complete(client, attempt, kind === 'task' ? [{ key: 'choose-organization' }] : null)
    return send(response, { response: attempt, client: shown(client) })
  }
}

/** What Clerk says to an invitation that is taken for a sign-in token. */
const noSuchAccount = [400, 'invitation_account_not_exists', 'This invitation refers to a non-existing identification.']

/** What an invitation may leave open. */
const lacking = {
  missing_name: { missing_fields: ['first_name'] },
  missing_phone: { unverified_fields: ['phone_number'] },
  missing_check: { missing_fields: ['protect_check'] },
}

/** The middle of a ticket: what Clerk's say, and nothing of whom it is for. */
function claims(st, prefix) {
  return Buffer.from(JSON.stringify({ eis: 604_800, exp: seconds() + 604_800, iid: id('ins'), sid: id(prefix), st })).toString('base64url')
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

const people = { ada: person('ada'), grace: person('grace'), lin: person('lin') }

function signIn(user) {
  return {
    object: 'sign_in', id: id('sia'), status: 'complete', identifier: user.email_addresses[0].email_address, user_data: {},
    supported_identifiers: [], supported_first_factors: [], supported_second_factors: [{ strategy: 'totp' }],
    first_factor_verification: { status: 'verified', strategy: 'ticket' }, second_factor_verification: null,
    created_session_id: null, user,
  }
}

function signUp(user) {
  const attempt = {
    object: 'sign_up_attempt', id: id('sua'), status: 'complete', required_fields: ['email_address'], optional_fields: [],
    missing_fields: [], unverified_fields: [], verifications: { email_address: { status: 'verified', strategy: 'ticket' } },
    username: null, first_name: null, last_name: null, email_address: user.email_addresses[0].email_address, phone_number: null,
    web3_wallet: null, has_password: false, unsafe_metadata: {}, created_session_id: null, created_user_id: null, abandon_at: Date.now() + 86_400_000,
  }
  // Whom it makes is not in the answer.
  return Object.defineProperty(attempt, 'user', { value: user, enumerable: false })
}

function complete(client, attempt, tasks = null) {
  const { user } = attempt
  const now = Date.now()
  const session = {
    object: 'session', id: id('sess'), status: tasks ? 'pending' : 'active', tasks, user, actor: null, factor_verification_age: [0, -1],
    public_user_data: { identifier: user.email_addresses[0].email_address, image_url: '', has_image: false, first_name: null, last_name: null },
    expire_at: now + 7 * 86_400_000, abandon_at: now + 30 * 86_400_000, last_active_at: now, last_active_organization_id: null,
    created_at: now, updated_at: now,
  }
  session.last_active_token = { object: 'token', jwt: jwt(session.id, user.id) }
  client.sessions = [session]
  Object.assign(attempt, { status: 'complete', missing_fields: [], created_session_id: session.id })
  if (attempt === client.signUp) attempt.created_user_id = user.id
}

function shown(client) {
  const open = attempt => (attempt && attempt.status !== 'complete' ? attempt : null)
  return { object: 'client', id: client.id, sessions: client.sessions, sign_in: open(client.signIn), sign_up: open(client.signUp), last_active_session_id: client.sessions[0]?.id ?? null, created_at: 1, updated_at: 1 }
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
      phone_number: off, username: off, web3_wallet: off, first_name: { ...off, enabled: true, required: true }, last_name: off, password: off, passkey: off, backup_code: off,
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
