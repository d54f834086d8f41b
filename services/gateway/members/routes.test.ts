import t from 'tap';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { addMember, createKey, createTestGateway, signUp, TEST_PASSWORD } from '../fixtures.ts';

t.test('given an account, its members are listed in pages', async (t) => {
  const gateway = await createTestGateway(t);
  const ada = await signUp(gateway, 'ada');
  await signUp(gateway, 'eve');
  const grace = await addMember(gateway, ada, 'grace', 'member');
  const first = await gateway.call('GET', '/api/members?limit=1', { as: grace.access_token });
  t.match(first.body, {
    data: [{ user_id: ada.userId, role: 'owner', email: ada.email }],
    next_cursor: ada.userId,
  });
  const second = await gateway.call('GET', `/api/members?limit=1&cursor=${ada.userId}`, {
    as: grace.access_token,
  });
  t.match(second.body, { data: [{ user_id: grace.userId, role: 'member' }], next_cursor: null });
});

t.test('given roles, each can do what it is allowed to', async (t) => {
  const gateway = await createTestGateway(t);
  const owner = await signUp(gateway, 'owner');
  const admin = await addMember(gateway, owner, 'admin', 'admin');
  const member = await addMember(gateway, owner, 'member', 'member');
  const add = (as: string, name: string, role: string) =>
    gateway.call('POST', '/api/members', {
      as,
      body: { email: `${name}@example.com`, password: TEST_PASSWORD, role },
    });
  const change = (as: string, userId: string, role: string) =>
    gateway.call('PATCH', `/api/members/${userId}`, { as, body: { role } });

  t.equal((await add(admin.access_token, 'm2', 'member')).status, 201);
  t.match(await add(admin.access_token, 'o2', 'owner'), {
    status: 403,
    body: { code: 'role_required', required_roles: ['owner'], role: 'admin' },
  });
  t.match(await add(member.access_token, 'm3', 'member'), { status: 403, body: { code: 'role_required' } });
  t.match(await add(owner.access_token, 'm2', 'member'), {
    status: 409,
    body: { code: 'invitation_required' },
  });
  t.match(await change(admin.access_token, owner.userId, 'member'), { status: 403 });
  t.match(await change(admin.access_token, admin.userId, 'owner'), { status: 403 });
  t.match(await change(member.access_token, member.userId, 'admin'), { status: 403 });
  t.match(await change(admin.access_token, member.userId, 'admin'), { status: 200, body: { role: 'admin' } });
});

t.test('given a change of role, the next request feels it on every gateway', async (t) => {
  const gateway = await createTestGateway(t);
  const other = await createTestGateway(t, { sharedWith: gateway });
  const owner = await signUp(gateway, 'owner');
  const grace = await addMember(gateway, owner, 'grace', 'admin');
  const list = () => other.call('GET', '/api/api-keys', { as: grace.access_token });
  t.equal((await list()).status, 200);
  const heard = other.nextChange();
  await gateway.call('PATCH', `/api/members/${grace.userId}`, {
    as: owner.access_token,
    body: { role: 'member' },
  });
  await heard;
  t.match(await list(), { status: 403, body: { code: 'role_required' } });
});

t.test('given one owner, they can neither step down nor leave', async (t) => {
  const gateway = await createTestGateway(t);
  const ada = await signUp(gateway, 'ada');
  const url = `/api/members/${ada.userId}`;
  const stepDown = await gateway.call('PATCH', url, { as: ada.access_token, body: { role: 'member' } });
  t.match(stepDown, { status: 409, body: { code: 'conflict' } });
  t.match(await gateway.call('DELETE', url, { as: ada.access_token }), { status: 409 });

  await t.test('given two who demote each other at once, one remains', async (t) => {
    const grace = await addMember(gateway, ada, 'grace', 'owner');
    const demote = (as: string, userId: string) =>
      gateway.call('PATCH', `/api/members/${userId}`, { as, body: { role: 'member' } });
    const answers = await Promise.all([
      demote(ada.access_token, grace.userId),
      demote(grace.access_token, ada.userId),
    ]);
    const [first, second] = answers.map(({ status }) => status).sort();
    t.equal(first, 200);
    // a demoted member is refused before the request is looked at
    t.ok(second === 409 || second === 403, String(second));
    const { rows } = await gateway.database.pool.query(`select from memberships where role = 'owner'`);
    t.equal(rows.length, 1);
  });
});

t.test('given a removed member, their sessions in the account end', async (t) => {
  const gateway = await createTestGateway(t);
  const owner = await signUp(gateway, 'owner');
  const grace = await addMember(gateway, owner, 'grace', 'member');
  const heard = gateway.nextChange();
  const removed = await gateway.call('DELETE', `/api/members/${grace.userId}`, { as: grace.access_token });
  t.equal(removed.status, 204, 'every member may leave');
  await heard;
  t.match(await gateway.call('GET', '/api/me', { as: grace.access_token }), {
    body: { code: 'invalid_token' },
  });
  t.match(await gateway.call('POST', '/api/auth/refresh', { body: { refresh_token: grace.refresh_token } }), {
    body: { code: 'refresh_token_invalid' },
  });
  t.match(
    await gateway.call('POST', '/api/auth/login', {
      body: { email: grace.email, password: TEST_PASSWORD, account_id: owner.accountId },
    }),
    { status: 403, body: { code: 'role_required' } },
  );
});

t.test('given other tenants and API keys, members are out of reach', async (t) => {
  const gateway = await createTestGateway(t);
  const ada = await signUp(gateway, 'ada');
  const eve = await signUp(gateway, 'eve');
  const url = `/api/members/${ada.userId}`;
  for (const [method, body] of [
    ['PATCH', { role: 'member' }],
    ['DELETE', undefined],
  ] as const) {
    t.match(await gateway.call(method, url, { as: eve.access_token, body }), {
      status: 404,
      body: { code: 'not_found' },
    });
  }
  const generating = await createKey(gateway, ada.access_token);
  t.match(await gateway.call('GET', '/api/members', { as: generating.key }), {
    status: 403,
    body: { code: 'insufficient_scope', required_scope: '*' },
  });
  const all = await createKey(gateway, ada.access_token, { scopes: ['*'] });
  t.equal((await gateway.call('GET', '/api/members', { as: all.key })).status, 200);
  t.match(await gateway.call('DELETE', url, { as: all.key }), {
    status: 403,
    body: { code: 'role_required' },
  });
});

t.test(
  'given a plan with three seats, the owner takes one, and of concurrent additions two succeed',
  async (t) => {
    const gateway = await createTestGateway(t, { limits: { 'team.members': 3n } });
    const other = await createTestGateway(t, { sharedWith: gateway, limits: { 'team.members': 3n } });
    const owner = await signUp(gateway, 'owner');
    const add = (name: string, through = gateway) =>
      through.call('POST', '/api/members', {
        as: owner.access_token,
        body: { email: `${name}@example.com`, password: TEST_PASSWORD },
      });
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) => add(`user-${n}`, n % 2 === 0 ? gateway : other)),
    );
    t.equal(answers.filter(({ status }) => status === 201).length, 2);
    t.match(await add('one-more'), {
      status: 429,
      body: {
        code: 'limit_exceeded',
        limit: { meter: 'team.members', used: '3', amount: { kind: 'limited', value: '3' } },
      },
    });
    const { rows } = await gateway.database.pool.query('SELECT count(*)::int AS n FROM users');
    t.equal(rows[0].n, 3, 'no user was created without a seat');

    await t.test('and when a member leaves, their seat is free', async (t) => {
      const userId = answers.find(({ status }) => status === 201)?.body.user_id;
      const remove = () => gateway.call('DELETE', `/api/members/${userId}`, { as: owner.access_token });
      const removed = await Promise.all([remove(), remove(), remove()]);
      t.strictSame(removed.map(({ status }) => status).sort(), [204, 404, 404]);
      t.match(
        await add('owner'),
        { status: 409, body: { code: 'invitation_required' } },
        'which costs no seat',
      );
      t.equal((await add('one-more')).status, 201);
      t.equal((await add('and-another')).status, 429);
      t.strictSame(await findBreaches(gateway.database.pool), []);
    });
  },
);

t.test('given a removed member, then the API keys that they created stop working', async (t) => {
  const gateway = await createTestGateway(t);
  const owner = await signUp(gateway, 'owner');
  const own = await createKey(gateway, owner.access_token);
  const grace = await addMember(gateway, owner, 'grace', 'admin');
  const direct = await createKey(gateway, grace.access_token, { scopes: ['*'] });
  const byKey = await createKey(gateway, direct.key, { scopes: ['generate'] });
  const statusOf = async ({ key }: { key: string }) =>
    (await gateway.call('GET', '/api/me', { as: key })).status;
  t.strictSame([await statusOf(direct), await statusOf(byKey)], [200, 200]);

  const heard = gateway.nextChange();
  const url = `/api/members/${grace.userId}`;
  t.equal((await gateway.call('DELETE', url, { as: owner.access_token })).status, 204);
  await heard;
  for (const key of [direct, byKey]) {
    t.match(await gateway.call('GET', '/api/me', { as: key.key }), { body: { code: 'api_key_revoked' } });
  }
  t.equal(await statusOf(own), 200, 'those of others still work');
  const { rows } = await gateway.database.pool.query(
    `SELECT subject FROM audit_log WHERE action = 'api_key.revoked' ORDER BY subject`,
  );
  t.strictSame(
    rows.map(({ subject }) => subject).sort(),
    [`api_key:${direct.id}`, `api_key:${byKey.id}`].sort(),
  );
});

t.test('given a removed member, then an owner may take over their API keys', async (t) => {
  const gateway = await createTestGateway(t);
  const owner = await signUp(gateway, 'owner');
  const admin = await addMember(gateway, owner, 'admin', 'admin');
  const grace = await addMember(gateway, owner, 'grace', 'admin');
  const key = await createKey(gateway, grace.access_token);
  const remove = (userId: string, as: string, choice: string) =>
    gateway.call('DELETE', `/api/members/${userId}?api_keys=${choice}`, { as });

  t.match(await remove(grace.userId, owner.access_token, 'keep'), { status: 400 });
  t.match(await remove(grace.userId, admin.access_token, 'transfer'), {
    status: 403,
    body: { code: 'role_required', required_roles: ['owner'] },
  });
  t.match(await remove(owner.userId, owner.access_token, 'transfer'), { status: 409 });
  t.equal((await remove(grace.userId, owner.access_token, 'transfer')).status, 204);
  t.equal((await gateway.call('GET', '/api/me', { as: key.key })).status, 200);
  t.match(await gateway.call('GET', `/api/api-keys/${key.id}`, { as: owner.access_token }), {
    body: { created_by: owner.userId, revoked_at: null },
  });
});
