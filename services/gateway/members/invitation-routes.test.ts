import t from 'tap';
import { createDatabase } from '#libs/db/database.ts';
import { auditLog } from '#libs/db/schema/audit.ts';
import { invitations } from '#libs/db/schema/gateway.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
import {
  addMember,
  createKey,
  createTestGateway,
  type SignedUp,
  signUp,
  TEST_PASSWORD,
  type TestGateway,
} from '../fixtures.ts';
import { MAX_PENDING_INVITATIONS } from './domain.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

const invite = (gateway: TestGateway, as: SignedUp, body: object) =>
  gateway.call('POST', '/api/invitations', { as: as.access_token, body });
const accept = (gateway: TestGateway, body: object, as?: string) =>
  gateway.call('POST', '/api/invitations/accept', { body, ...(as !== undefined && { as }) });
const login = (gateway: TestGateway, email: string, more: object = {}) =>
  gateway.call('POST', '/api/auth/login', { body: { email, password: TEST_PASSWORD, ...more } });
const remove = (gateway: TestGateway, owner: SignedUp, userId: string) =>
  gateway.call('DELETE', `/api/members/${userId}`, { as: owner.access_token });

t.test('given an invitation, a signed-in user joins with it and switches to the account', async (t) => {
  const gateway = await createTestGateway(t);
  const owner = await signUp(gateway, 'owner');
  const ada = await signUp(gateway, 'ada');
  const created = await invite(gateway, owner, { email: ada.email, role: 'admin' });
  t.match(created, {
    status: 201,
    body: { email: ada.email, role: 'admin', status: 'pending', token: /^inv_/, accepted_by: null },
  });
  t.equal(Date.parse(created.body.expires_at) - Date.parse(created.body.created_at), 7 * DAY_MS);

  gateway.clock.advance(1_000);
  const { token } = created.body;
  t.match(await accept(gateway, { token }, ada.access_token), {
    status: 201,
    body: { account_id: owner.accountId, user_id: ada.userId, role: 'admin' },
  });
  t.match(await accept(gateway, { token }, ada.access_token), {
    status: 404,
    body: { code: 'invitation_invalid' },
  });
  const listed = await gateway.call('GET', '/api/invitations', { as: owner.access_token });
  t.match(listed.body.data, [{ status: 'accepted', accepted_by: ada.userId }]);
  t.notOk('token' in listed.body.data[0], 'the token is shown once');

  const accounts = await gateway.call('GET', '/api/me/accounts', { as: ada.access_token });
  t.match(accounts.body.data, [
    { id: ada.accountId, role: 'owner', current: true },
    { id: owner.accountId, role: 'admin', current: false },
  ]);
  const switched = await gateway.call('POST', '/api/auth/refresh', {
    body: { refresh_token: ada.refresh_token, account_id: owner.accountId },
  });
  t.match(await gateway.call('GET', '/api/me', { as: switched.body.access_token }), {
    body: { account: { id: owner.accountId }, role: 'admin' },
  });
  const elsewhere = await login(gateway, ada.email, { account_id: owner.accountId });
  t.equal(elsewhere.status, 200);

  const db = createDatabase(gateway.database.pool);
  const entries = await db.select().from(auditLog);
  t.match(
    entries.map(({ action, actor }) => ({ action, actor })),
    [
      { action: 'invitation.created', actor: owner.userId },
      { action: 'invitation.accepted', actor: ada.userId },
    ],
  );
  const [stored] = await db.select().from(invitations);
  t.notMatch(JSON.stringify([stored, entries]), new RegExp(token), 'the token is stored as a hash');
  t.notMatch(gateway.log(), new RegExp(token));
});

t.test('given a session in two accounts, ending it ends it in both', async (t) => {
  const gateway = await createTestGateway(t);
  const owner = await signUp(gateway, 'owner');
  const ada = await signUp(gateway, 'ada');
  const { token } = (await invite(gateway, owner, { email: ada.email })).body;
  await accept(gateway, { token }, ada.access_token);
  const refresh = (refreshToken: string, accountId?: string) =>
    gateway.call('POST', '/api/auth/refresh', {
      body: { refresh_token: refreshToken, ...(accountId && { account_id: accountId }) },
    });
  const refused = await refresh(ada.refresh_token, gateway.newId());
  t.match(refused, { status: 403, body: { code: 'role_required' } });
  const switched = await refresh(ada.refresh_token, owner.accountId);
  t.equal(switched.status, 200, 'a refused switch does not use up the token');
  gateway.clock.advance(10_001);
  const heard = gateway.nextChange();
  t.match(await refresh(ada.refresh_token), { body: { code: 'refresh_token_reused' } });
  await heard;
  for (const as of [ada.access_token, switched.body.access_token]) {
    t.match(await gateway.call('GET', '/api/me', { as }), { status: 401, body: { code: 'invalid_token' } });
  }
  t.match(await refresh(switched.body.refresh_token), { body: { code: 'refresh_token_invalid' } });
});

t.test('given a new address, the invitation creates a user without another account', async (t) => {
  const gateway = await createTestGateway(t);
  const owner = await signUp(gateway, 'owner');
  const { token } = (await invite(gateway, owner, { email: 'New@Example.com' })).body;
  t.match(await accept(gateway, { token }), { status: 422, body: { code: 'semantic_error' } });
  const accepted = await accept(gateway, { token, password: TEST_PASSWORD, name: 'New' });
  t.match(accepted, { status: 201, body: { account_id: owner.accountId, role: 'member' } });
  const signedIn = await login(gateway, 'new@example.com');
  const accounts = await gateway.call('GET', '/api/me/accounts', { as: signedIn.body.access_token });
  t.match(accounts.body.data, [{ id: owner.accountId, role: 'member', current: true }]);
});

t.test('given a removed member, they sign in, register again, or come back by invitation', async (t) => {
  const gateway = await createTestGateway(t);
  const owner = await signUp(gateway, 'owner');
  const register = (email: string, password: string) =>
    gateway.call('POST', '/api/auth/register', { body: { email, password, account_name: 'Back again' } });

  await t.test('signing in opens an account of their own, once', async (t) => {
    const ann = await addMember(gateway, owner, 'ann', 'admin');
    t.equal((await remove(gateway, owner, ann.userId)).status, 204);
    const logins = await Promise.all([login(gateway, ann.email), login(gateway, ann.email)]);
    t.strictSame(
      logins.map(({ status }) => status),
      [200, 200],
    );
    const accounts = await gateway.call('GET', '/api/me/accounts', { as: logins[0].body.access_token });
    t.match(accounts.body.data, [{ name: 'ann', role: 'owner' }]);
    t.equal(accounts.body.data.length, 1);
    t.match(await register(ann.email, TEST_PASSWORD), { status: 409, body: { code: 'email_taken' } });
  });

  await t.test(
    'registering with the right password opens an account, with a wrong one it is refused',
    async (t) => {
      const ben = await addMember(gateway, owner, 'ben', 'member');
      await remove(gateway, owner, ben.userId);
      t.match(await register(ben.email, 'a wrong password'), { status: 409, body: { code: 'email_taken' } });
      const returned = await register(ben.email, TEST_PASSWORD);
      t.equal(returned.status, 201);
      t.match(await gateway.call('GET', '/api/me', { as: returned.body.access_token }), {
        body: { user: { id: ben.userId }, account: { name: 'Back again' }, role: 'owner' },
      });
    },
  );

  await t.test('an invitation brings them back', async (t) => {
    const cleo = await addMember(gateway, owner, 'cleo', 'member');
    await remove(gateway, owner, cleo.userId);
    t.match(
      await gateway.call('POST', '/api/members', {
        as: owner.access_token,
        body: { email: cleo.email, password: 'another password' },
      }),
      { status: 409, body: { code: 'invitation_required' } },
    );
    const { token } = (await invite(gateway, owner, { email: cleo.email, role: 'admin' })).body;
    t.match(await accept(gateway, { token, password: 'a wrong password' }), {
      status: 401,
      body: { code: 'invalid_credentials' },
    });
    t.match(await accept(gateway, { token, password: TEST_PASSWORD }), {
      status: 201,
      body: { role: 'admin' },
    });
    const signedIn = await login(gateway, cleo.email);
    t.match(await gateway.call('GET', '/api/me', { as: signedIn.body.access_token }), {
      body: { user: { id: cleo.userId }, account: { id: owner.accountId }, role: 'admin' },
    });
  });
});

t.test('given one invitation, concurrent acceptances join once', async (t) => {
  const gateway = await createTestGateway(t);
  const other = await createTestGateway(t, { sharedWith: gateway });
  const owner = await signUp(gateway, 'owner');
  const { token } = (await invite(gateway, owner, { email: 'new@example.com' })).body;
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, n) =>
      accept(n % 2 === 0 ? gateway : other, { token, password: TEST_PASSWORD }),
    ),
  );
  t.strictSame(answers.map(({ status }) => status).sort(), [201, ...Array(7).fill(404)]);
  const members = await gateway.call('GET', '/api/members', { as: owner.access_token });
  t.equal(members.body.data.length, 2);
  t.strictSame(await findBreaches(gateway.database.pool), []);
});

t.test('given one free seat, concurrent acceptances of different invitations fill it once', async (t) => {
  const limits = { 'team.members': 3n };
  const gateway = await createTestGateway(t, { limits });
  const other = await createTestGateway(t, { sharedWith: gateway, limits });
  const owner = await signUp(gateway, 'owner');
  await addMember(gateway, owner, 'first', 'member');
  const tokens: string[] = [];
  for (let n = 0; n < 6; n++) {
    tokens.push((await invite(gateway, owner, { email: `new-${n}@example.com` })).body.token);
  }
  const answers = await Promise.all(
    tokens.map((token, n) => accept(n % 2 === 0 ? gateway : other, { token, password: TEST_PASSWORD })),
  );
  t.strictSame(answers.map(({ status }) => status).sort(), [201, ...Array(5).fill(429)]);
  const refused = answers.findIndex(({ status }) => status === 429);
  const again = await accept(gateway, { token: tokens[refused] ?? '', password: TEST_PASSWORD });
  t.match(again.body, {
    code: 'limit_exceeded',
    limit: { meter: 'team.members', used: '3', amount: { kind: 'limited', value: '3' } },
  });
  t.match(await invite(gateway, owner, { email: 'late@example.com' }), {
    status: 429,
    body: { code: 'limit_exceeded' },
  });

  const joined = answers.find(({ status }) => status === 201)?.body.user_id;
  await remove(gateway, owner, joined);
  const later = await accept(gateway, { token: tokens[refused] ?? '', password: TEST_PASSWORD });
  t.equal(later.status, 201, 'a refused invitation still works when a seat is free');
  t.strictSame(await findBreaches(gateway.database.pool), []);
});

t.test('given invitations that ended, none can be accepted', async (t) => {
  const gateway = await createTestGateway(t);
  const owner = await signUp(gateway, 'owner');
  const admin = await addMember(gateway, owner, 'admin', 'admin');
  const invalid = { status: 404, body: { code: 'invitation_invalid' } };
  const create = async (as: SignedUp, email: string) => (await invite(gateway, as, { email })).body;
  const use = (token: string) => accept(gateway, { token, password: TEST_PASSWORD });

  const revoked = await create(owner, 'revoked@example.com');
  const revoke = () => gateway.call('DELETE', `/api/invitations/${revoked.id}`, { as: admin.access_token });
  t.equal((await revoke()).status, 204);
  t.equal((await revoke()).status, 204, 'revoking twice succeeds');
  t.match(await use(revoked.token), invalid);

  const replaced = await create(owner, 'replaced@example.com');
  await create(owner, 'REPLACED@example.com');
  t.match(await use(replaced.token), invalid, 'a new invitation replaces it');

  const sent = await create(admin, 'sent@example.com');
  await remove(gateway, owner, admin.userId);
  t.match(await use(sent.token), invalid, 'its sender was removed');

  const expired = await create(owner, 'expired@example.com');
  gateway.clock.advance(7 * DAY_MS);
  t.match(await use(expired.token), invalid);
  t.match(await use('inv_unknown'), invalid);

  gateway.clock.advance(31 * DAY_MS);
  await gateway.runTask('delete-old-invitations');
  t.strictSame(await createDatabase(gateway.database.pool).select().from(invitations), []);
});

t.test('given an accepted invitation, it cannot be revoked, and members cannot be invited', async (t) => {
  const gateway = await createTestGateway(t);
  const owner = await signUp(gateway, 'owner');
  const { id, token } = (await invite(gateway, owner, { email: 'new@example.com' })).body;
  await accept(gateway, { token, password: TEST_PASSWORD });
  const conflict = { status: 409, body: { code: 'conflict' } };
  t.match(await gateway.call('DELETE', `/api/invitations/${id}`, { as: owner.access_token }), conflict);
  t.match(await invite(gateway, owner, { email: 'NEW@example.com' }), conflict);
  const own = await invite(gateway, owner, { email: 'alias@example.com' });
  t.match(await accept(gateway, { token: own.body.token }, owner.access_token), conflict);
});

t.test('given callers without the right, invitations are out of reach', async (t) => {
  const gateway = await createTestGateway(t);
  const owner = await signUp(gateway, 'owner');
  const admin = await addMember(gateway, owner, 'admin', 'admin');
  const member = await addMember(gateway, owner, 'member', 'member');
  const eve = await signUp(gateway, 'eve');
  const { id, token } = (await invite(gateway, owner, { email: 'new@example.com', role: 'owner' })).body;
  const url = `/api/invitations/${id}`;
  const forbidden = { status: 403, body: { code: 'role_required' } };

  for (const [method, path] of [
    ['POST', '/api/invitations'],
    ['GET', '/api/invitations'],
    ['DELETE', url],
  ] as const) {
    const body = method === 'POST' ? { email: 'x@example.com' } : undefined;
    t.match(await gateway.call(method, path, { body }), { status: 401, body: { code: 'unauthenticated' } });
    t.match(await gateway.call(method, path, { body, as: member.access_token }), forbidden);
  }
  t.match(await invite(gateway, admin, { email: 'x@example.com', role: 'owner' }), forbidden);
  t.match(await gateway.call('DELETE', url, { as: admin.access_token }), forbidden);
  t.match(await gateway.call('DELETE', url, { as: eve.access_token }), {
    status: 404,
    body: { code: 'not_found' },
  });
  t.match((await gateway.call('GET', '/api/invitations', { as: eve.access_token })).body, { data: [] });

  const key = await createKey(gateway, owner.access_token, { scopes: ['*'] });
  t.match(await accept(gateway, { token }, key.key), { status: 403, body: { code: 'insufficient_scope' } });
  t.match(await gateway.call('GET', '/api/me/accounts', { as: key.key }), {
    status: 403,
    body: { code: 'insufficient_scope' },
  });
  t.match(await gateway.call('POST', '/api/invitations', { as: key.key, body: { email: 'x@example.com' } }), {
    status: 403,
  });
  t.match(await accept(gateway, { token }, 'nonsense'), { status: 401, body: { code: 'invalid_api_key' } });
});

t.test('given malformed or oversized requests, each is refused', async (t) => {
  const gateway = await createTestGateway(t);
  const owner = await signUp(gateway, 'owner');
  const invalid = { status: 400, body: { code: 'invalid_request' } };
  for (const body of [
    {},
    { email: 'no address' },
    { email: `${'x'.repeat(300)}@example.com` },
    { email: 'a@example.com', role: 'king' },
    { email: 'a@example.com', account_id: owner.accountId },
  ]) {
    t.match(await invite(gateway, owner, body), invalid, JSON.stringify(body).slice(0, 60));
  }
  for (const body of [{}, { token: '' }, { token: 'x'.repeat(201) }, { token: 'x', password: 'short' }]) {
    t.match(await accept(gateway, body), invalid, JSON.stringify(body).slice(0, 60));
  }
  t.match(await gateway.call('DELETE', '/api/invitations/not-an-id', { as: owner.access_token }), invalid);
  t.match(await accept(gateway, { token: 'x', name: 'n'.repeat(3_000_000) }), { status: 413 });

  const db = createDatabase(gateway.database.pool);
  const now = gateway.clock.now();
  const expiresAt = new Date(now.getTime() + DAY_MS);
  await db.insert(invitations).values(
    Array.from({ length: MAX_PENDING_INVITATIONS }, (_, n) => ({
      id: gateway.newId(),
      accountId: owner.accountId,
      email: `pending-${n}@example.com`,
      role: 'member' as const,
      tokenHash: `hash-${n}`,
      invitedBy: owner.userId,
      createdAt: now,
      expiresAt,
    })),
  );
  t.match(await invite(gateway, owner, { email: 'one-more@example.com' }), {
    status: 409,
    body: { code: 'conflict' },
  });
});
