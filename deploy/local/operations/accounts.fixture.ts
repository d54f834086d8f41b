/** Accounts and who may use them. */
import { hash } from 'node:crypto';
import type { OperationCalls } from './calls.fixture.ts';

const EMAIL = 'grace@example.com';
const PASSWORD = 'a long enough password';

export async function callSessions({ ask, askAll, pool }: OperationCalls): Promise<void> {
  const account = { email: 'someone@example.com', password: PASSWORD };
  await ask(['register', { body: account }]);
  const { body: session } = await ask(['login', { body: account }]);
  const { body: next } = await ask(['refresh', { body: { refresh_token: session.refresh_token } }]);
  const { body: someone } = await ask(['updateMe', { body: { name: 'Someone' } }], next.access_token);
  await askAll(
    ['logout', { body: { refresh_token: next.refresh_token } }],
    ['resendVerification'],
    ['requestPasswordReset'],
    ['getMe'],
    ['listMyAccounts'],
    ['getJsonWebKeySet'],
  );
  const mailed = { verifyEmail: 'verify_email', confirmPasswordReset: 'password_reset' };
  for (const [operationId, purpose] of Object.entries(mailed)) {
    const token = `${operationId} of a mail`;
    await pool.query(
      `INSERT INTO email_tokens (id, user_id, purpose, token_hash, created_at, expires_at)
       VALUES (gen_random_uuid(), $1, $2, $3, now(), now() + interval '1 hour')`,
      [someone.user.id, purpose, hash('sha256', token)],
    );
    const password = 'the password of tests, but another';
    await ask([operationId, { body: { token, ...(purpose === 'password_reset' && { password }) } }]);
  }
}

export async function callMembers({ ask, askAll }: OperationCalls): Promise<void> {
  const { body: key } = await ask(['createApiKey', { body: { name: 'Robot', scopes: ['*'] } }]);
  const params = { id: key.id };
  await askAll(
    ['listApiKeys'],
    ['getApiKey', { params }],
    ['changeApiKey', { params, body: { name: 'Android' } }],
    ['rotateApiKey', { params }],
    ['revokeApiKey', { params }],
  );
  const { body: member } = await ask(['addMember', { body: { email: EMAIL, password: PASSWORD } }]);
  const { body: invitation } = await ask(['createInvitation', { body: { email: 'ida@example.com' } }]);
  await askAll(
    ['changeMember', { params: { user_id: member.user_id }, body: { role: 'admin' } }],
    ['listMembers'],
    ['removeMember', { params: { user_id: member.user_id } }],
    ['listInvitations'],
    ['acceptInvitation', { body: { token: invitation.token, password: PASSWORD, name: 'Ida' } }],
  );
  const { body: other } = await ask(['createInvitation', { body: { email: 'joan@example.com' } }]);
  const { body: workspace } = await ask(['createWorkspace']);
  await askAll(
    ['revokeInvitation', { params: { id: other.id } }],
    ['listWorkspaces'],
    ['getWorkspace', { params: { id: workspace.id } }],
    ['deleteWorkspace', { params: { id: workspace.id } }],
  );
}
