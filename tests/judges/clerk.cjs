// The real client of Clerk against `linkpost serve`: node clerk.cjs URL KEY
const assert = require('node:assert')
const { createClerkClient } = require('@clerk/backend')

async function main(apiUrl, secretKey) {
  const clerk = createClerkClient({ apiUrl, secretKey })
  const made = await clerk.signInTokens.createSignInToken({ userId: 'user_123', expiresInSeconds: 2592000 })
  assert.ok(made.constructor.name.endsWith('SignInToken'), made.constructor.name)
  assert.equal(made.userId, 'user_123')
  assert.equal(made.status, 'pending')
  assert.ok(made.token.split('.').length === 3 && made.url.includes(made.token))
  const revoked = await clerk.signInTokens.revokeSignInToken(made.id)
  assert.equal(revoked.status, 'revoked')
  assert.equal(revoked.id, made.id)

  const refused = async (work, status, code, parameter) => {
    const error = await work().then(() => assert.fail('no error'), error => error)
    assert.equal(error.status, status)
    assert.equal(error.errors[0].code, code)
    assert.equal(error.errors[0].meta?.paramName, parameter)
    assert.ok(error.clerkTraceId)
  }
  const api = clerk.signInTokens
  await refused(() => api.revokeSignInToken(made.id), 400, 'sign_in_token_cannot_be_revoked_code')
  await refused(() => api.revokeSignInToken('sit_0'), 404, 'resource_not_found')
  await refused(() => api.createSignInToken({ userId: '', expiresInSeconds: 60 }), 422, 'form_param_missing', 'user_id')
  await refused(() => api.createSignInToken({ userId: 'u', expiresInSeconds: -1 }), 422, 'form_param_value_invalid', 'expires_in_seconds')
  const stranger = createClerkClient({ apiUrl, secretKey: 'sk_test_wrong' })
  await refused(() => stranger.signInTokens.createSignInToken({ userId: 'u' }), 401, 'clerk_key_invalid')
  console.log('ok')
}

main(...process.argv.slice(2)).catch(error => { console.error(error); process.exit(1) })
