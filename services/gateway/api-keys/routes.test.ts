import t from 'tap';
import { problem } from '#libs/problems/problems.ts';
import { addMember, createKey, createTestGateway, signUp } from '../fixtures.ts';

const limited = (amount: object) => ({ kind: 'limited', ...amount });
const oneImage = { meter: 'images', window: 'day', amount: limited({ value: '1' }) };

t.test('given an owner, when they create a key, it is shown once and works', async (t) => {
  const gateway = await createTestGateway(t);
  const ada = await signUp(gateway, 'ada');
  const created = await gateway.call('POST', '/api/api-keys', {
    as: ada.access_token,
    body: { name: 'Robot', scopes: ['generate', 'generate'], expires_at: '2027-01-01T00:00:00+01:00' },
  });
  t.match(created, {
    status: 201,
    body: {
      name: 'Robot',
      key: /^ik_live_/,
      scopes: ['generate'],
      limits: [],
      created_by: ada.userId,
      expires_at: '2026-12-31T23:00:00.000Z',
      last_used_at: null,
      revoked_at: null,
    },
  });
  t.ok(created.body.key.startsWith(created.body.prefix));

  const { key, ...shown } = created.body;
  const url = `/api/api-keys/${created.body.id}`;
  t.strictSame((await gateway.call('GET', url, { as: ada.access_token })).body, shown);
  const { rows } = await gateway.database.pool.query('select * from api_keys');
  t.notMatch(JSON.stringify(rows), key.split('_').at(-1), 'the secret is not stored');

  for (const headers of [{ authorization: `Bearer ${key}` }, { 'x-api-key': key }]) {
    t.match(await gateway.call('GET', '/api/me', { headers }), {
      status: 200,
      body: { user: null, account: { id: ada.accountId }, role: 'member', api_key_id: created.body.id },
    });
  }
  t.match(gateway.log(), /"audit":"api_key.created"/);
});

t.test('given many keys, they are listed in pages, newest first', async (t) => {
  const gateway = await createTestGateway(t);
  const { access_token: as } = await signUp(gateway, 'ada');
  const other = await signUp(gateway, 'eve');
  await createKey(gateway, other.access_token);
  const ids: string[] = [];
  for (let index = 0; index < 5; index++) ids.unshift((await createKey(gateway, as)).id);

  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '?limit=2' : `?limit=2&cursor=${cursor}`;
    const { body } = await gateway.call('GET', `/api/api-keys${query}`, { as });
    seen.push(...body.data.map(({ id }: { id: string }) => id));
    cursor = body.next_cursor;
  } while (cursor !== null);
  t.strictSame(seen, ids);
});

t.test('given a key, when it is revoked, every gateway refuses it', async (t) => {
  const gateway = await createTestGateway(t);
  const other = await createTestGateway(t, { sharedWith: gateway });
  const ada = await signUp(gateway, 'ada');
  const { id, key } = await createKey(gateway, ada.access_token);
  // both gateways have it cached, and the clock does not move
  for (const each of [gateway, other]) t.equal((await each.call('GET', '/api/me', { as: key })).status, 200);

  const heard = [gateway.nextChange(), other.nextChange()];
  const revoke = () => gateway.call('DELETE', `/api/api-keys/${id}`, { as: ada.access_token });
  t.equal((await revoke()).status, 204);
  await Promise.all(heard);
  for (const each of [gateway, other]) {
    t.match(await each.call('GET', '/api/me', { as: key }), {
      status: 401,
      body: { code: 'api_key_revoked' },
    });
  }
  t.equal((await revoke()).status, 204, 'twice is no error');
  const { body } = await gateway.call('GET', `/api/api-keys/${id}`, { as: ada.access_token });
  t.equal(body.revoked_at, '2026-11-20T12:00:00.000Z');
  const { rows } = await gateway.database.pool.query(
    'SELECT action, account_id, after FROM audit_log WHERE subject = $1 ORDER BY action',
    [`api_key:${id}`],
  );
  t.strictSame(rows, [
    { action: 'api_key.created', account_id: ada.accountId, after: rows[0]?.after },
    { action: 'api_key.revoked', account_id: ada.accountId, after: { revoked_at: body.revoked_at } },
  ]);
});

t.test('given an expiry, the key works until then', async (t) => {
  const gateway = await createTestGateway(t);
  const { access_token: as } = await signUp(gateway, 'ada');
  const { key } = await createKey(gateway, as, { expires_at: '2026-11-20T12:10:00Z' });
  gateway.clock.advance(10 * 60 * 1000 - 1);
  t.equal((await gateway.call('GET', '/api/me', { as: key })).status, 200);
  gateway.clock.advance(1);
  t.match(await gateway.call('GET', '/api/me', { as: key }), {
    status: 401,
    body: { code: 'api_key_expired' },
  });
  t.match(
    await gateway.call('POST', '/api/api-keys', {
      as,
      body: { name: 'Old', expires_at: '2026-11-20T12:00:00Z' },
    }),
    { status: 422, body: { code: 'semantic_error', param: 'expires_at' } },
  );
});

t.test('given limits, they are in force before the key exists', async (t) => {
  const calls: unknown[] = [];
  let failure: Error | null = null;
  const gateway = await createTestGateway(t, {
    setKeyLimits: async (call) => {
      const { rowCount } = await gateway.database.pool.query('select from api_keys where id = $1', [
        call.keyId,
      ]);
      calls.push({ ...call, existed: rowCount });
      if (failure !== null) throw failure;
    },
  });
  const ada = await signUp(gateway, 'ada');
  const limits = [
    { meter: 'cost', window: 'month', amount: { kind: 'limited', value_usd: '25.5' } },
    { meter: 'tokens.total', window: 'day', amount: { kind: 'limited', value: '100000' } },
  ];
  const create = () =>
    gateway.call('POST', '/api/api-keys', { as: ada.access_token, body: { name: 'Robot', limits } });
  const created = await create();
  t.equal(created.status, 201);
  t.strictSame(created.body.limits, [
    {
      meter: 'cost',
      label: 'Cost of AI calls',
      unit: 'nano_usd',
      window: 'month',
      amount: { kind: 'limited', value: '25500000000', value_usd: '25.500000000' },
      text: '$25.50 of AI usage per month',
    },
    {
      meter: 'tokens.total',
      label: 'Tokens',
      unit: 'tokens',
      window: 'day',
      amount: { kind: 'limited', value: '100000' },
      text: '100,000 tokens per day',
    },
  ]);
  t.match(calls, [
    {
      accountId: ada.accountId,
      keyId: created.body.id,
      existed: 0,
      limits: [
        { meter: 'cost', window: 'month', amount: 25_500_000_000n },
        { meter: 'tokens.total', window: 'day', amount: 100_000n },
      ],
    },
  ]);

  failure = problem('service_unavailable');
  t.match(await create(), { status: 503, body: { code: 'service_unavailable' } });
  const { body } = await gateway.call('GET', '/api/api-keys', { as: ada.access_token });
  t.equal(body.data.length, 1, 'no key came to be without its limits');
});

t.test('given callers of every kind, only those who run the account manage its keys', async (t) => {
  const gateway = await createTestGateway(t);
  const ada = await signUp(gateway, 'ada');
  const admin = await addMember(gateway, ada, 'admin', 'admin');
  const member = await addMember(gateway, ada, 'member', 'member');
  const eve = await signUp(gateway, 'eve');
  const { id } = await createKey(gateway, ada.access_token);
  const keyWith = async (scopes: string[]) => (await createKey(gateway, ada.access_token, { scopes })).key;
  const url = `/api/api-keys/${id}`;

  t.equal((await gateway.call('GET', url, { as: admin.access_token })).status, 200);
  t.equal((await gateway.call('GET', url, { as: await keyWith(['keys:manage']) })).status, 200);
  const generating = await keyWith(['generate']);
  for (const [method, path, body] of [
    ['GET', url, undefined],
    ['GET', '/api/api-keys', undefined],
    ['POST', '/api/api-keys', { name: 'More' }],
    ['DELETE', url, undefined],
  ] as const) {
    t.match(await gateway.call(method, path, { as: member.access_token, body }), {
      status: 403,
      body: { code: 'role_required', required_roles: ['owner', 'admin'] },
    });
    t.match(await gateway.call(method, path, { as: generating, body }), {
      status: 403,
      body: { code: 'insufficient_scope', required_scope: 'keys:manage', scopes: ['generate'] },
    });
  }
  for (const method of ['GET', 'DELETE'] as const) {
    t.match(await gateway.call(method, url, { as: eve.access_token }), {
      status: 404,
      body: { code: 'not_found' },
    });
  }
  t.equal((await gateway.call('GET', url, { as: ada.access_token })).body.revoked_at, null);
});

t.test('given a key that manages keys, it passes on no more than it has', async (t) => {
  const gateway = await createTestGateway(t);
  const ada = await signUp(gateway, 'ada');
  const make = (as: string, body: object) =>
    gateway.call('POST', '/api/api-keys', { as, body: { name: 'Child', ...body } });
  const parent = await createKey(gateway, ada.access_token, {
    scopes: ['keys:manage', 'generate'],
    expires_at: '2026-12-01T00:00:00Z',
  });

  const child = await make(parent.key, { scopes: ['generate'], expires_at: '2026-12-01T00:00:00Z' });
  t.match(child, { status: 201, body: { created_by: ada.userId } });
  for (const tooMuch of [
    { scopes: ['*'], expires_at: '2026-12-01T00:00:00Z' },
    { scopes: ['usage:read'], expires_at: '2026-12-01T00:00:00Z' },
    { scopes: ['generate'], expires_at: '2026-12-01T00:00:01Z' },
    { scopes: ['generate'] },
  ]) {
    t.match(await make(parent.key, tooMuch), { status: 403, body: { code: 'insufficient_scope' } });
  }
  const limited = await createKey(gateway, ada.access_token, {
    scopes: ['*'],
    limits: [oneImage],
  });
  t.match(await make(limited.key, { scopes: ['generate'] }), { status: 403 });
});

t.test('given malformed bodies, each is refused by name', async (t) => {
  const gateway = await createTestGateway(t);
  const { access_token: as } = await signUp(gateway, 'ada');
  const cases: [object, string][] = [
    [{}, 'name'],
    [{ name: '' }, 'name'],
    [{ name: 'x'.repeat(121) }, 'name'],
    [{ name: 'a', scopes: [] }, 'scopes'],
    [{ name: 'a', scopes: ['root'] }, 'scopes.0'],
    [{ name: 'a', expires_at: 'tomorrow' }, 'expires_at'],
    [{ name: 'a', limits: [{ ...oneImage, amount: 5 }] }, 'limits.0.amount'],
    [{ name: 'a', limits: [{ ...oneImage, amount: { kind: 'limited' } }] }, 'limits.0.amount.value'],
    [{ name: 'a', limits: [{ ...oneImage, amount: limited({ value: '-1' }) }] }, 'limits.0.amount.value'],
    [
      { name: 'a', limits: [{ ...oneImage, amount: limited({ value: '9'.repeat(16) }) }] },
      'limits.0.amount.value',
    ],
    [
      { name: 'a', limits: [{ ...oneImage, amount: limited({ value_usd: '5' }) }] },
      'limits.0.amount.value_usd',
    ],
    [
      {
        name: 'a',
        limits: [{ ...oneImage, meter: 'cost', amount: limited({ value: '5', value_usd: '5' }) }],
      },
      'limits.0.amount.value_usd',
    ],
    [{ name: 'a', limits: [{ ...oneImage, window: 'hour' }] }, 'limits.0.window'],
    [
      {
        name: 'a',
        limits: [oneImage, { ...oneImage, amount: limited({ value: '2' }) }],
      },
      'limits',
    ],
  ];
  for (const [body, param] of cases) {
    const answer = await gateway.call('POST', '/api/api-keys', { as, body });
    t.equal(answer.status, 400, JSON.stringify(body));
    t.match(answer.body, { code: 'invalid_request' });
    t.match(answer.body.param, new RegExp(`^${param}`), JSON.stringify(body));
  }
  const withNul = { name: 'null byte \u0000', scopes: ['*'] };
  t.match(
    await gateway.call('POST', '/api/api-keys', { as, body: withNul }),
    { status: 400, body: { code: 'invalid_request', detail: /NUL/ } },
    'the parser refuses it before there is a field to name',
  );
});

t.test('given an account with 100 keys, then no more are created, also at once', async (t) => {
  const gateway = await createTestGateway(t);
  const owner = await signUp(gateway, 'owner');
  const first = await createKey(gateway, owner.access_token);
  await gateway.database.pool.query(
    `INSERT INTO api_keys (id, account_id, created_by, name, public_id, display_prefix, secret_hash, scopes, created_at)
     SELECT gen_random_uuid(), $1, $2, 'Key', 'p' || n, 'p', 'h', '{generate}', now() FROM generate_series(1, 97) n`,
    [owner.accountId, owner.userId],
  );
  const create = () =>
    gateway.call('POST', '/api/api-keys', {
      as: owner.access_token,
      body: { name: 'Key', scopes: ['generate'] },
    });
  const answers = await Promise.all(Array.from({ length: 6 }, create));
  t.strictSame(answers.map(({ status }) => status).sort(), [201, 201, 409, 409, 409, 409]);
  t.match(await create(), { status: 409, body: { code: 'conflict' } });
  const revoked = await gateway.call('DELETE', `/api/api-keys/${first.id}`, { as: owner.access_token });
  t.equal(revoked.status, 204);
  t.equal((await create()).status, 201);
});
