// Clerk's own client against an own server: creates, revokes and lists, and says what it saw as one line of JSON.
// node clerk.mjs PACKAGE URL
import { createRequire } from 'node:module';

const require = createRequire(process.cwd() + '/');
const { createClerkClient } = require(process.argv[2]);
const clerk = createClerkClient({ secretKey: 'sk_test_double', apiUrl: process.argv[3] });
const refused = async (call) => {
  try {
    await call();
    return null;
  } catch (error) {
    const { status, retryAfter, errors } = error;
    return { status, retryAfter, code: errors?.[0]?.code, longMessage: errors?.[0]?.longMessage };
  }
};

const made = await clerk.signInTokens.createSignInToken({ userId: 'user_1', expiresInSeconds: 60 });
const revoked = await clerk.signInTokens.revokeSignInToken(made.id);
const twice = await refused(() => clerk.signInTokens.revokeSignInToken(made.id));
const unknown = await refused(() => clerk.signInTokens.createSignInToken({ userId: 'user_9', expiresInSeconds: 60 }));
const users = await clerk.users.getUserList({ emailAddress: ['person2@example.com', 'a+b@example.com'], limit: 100 });
console.log(JSON.stringify({
  made: { userId: made.userId, status: made.status, token: typeof made.token, url: made.url?.endsWith(made.token) },
  revoked: revoked.status,
  twice,
  unknown,
  users: users.data.map((user) => ({ id: user.id, email: user.primaryEmailAddress?.emailAddress ?? user.emailAddresses[0].emailAddress })),
  count: users.totalCount,
}));
