/** Changing and rotating API keys. */
import t from 'tap';
import { addMember, createKey, createTestGateway, signUp, type TestGateway } from '../fixtures.ts';

const works = async (gateway: TestGateway, key: string) =>
  (await gateway.call('GET', '/api/me', { as: key })).status === 200;

t.test('given a key, when it is rotated, then both secrets work until the overlap has passed', async (t) => {
  const gateway = await createTestGateway(t);
  const { access_token: as } = await signUp(gateway, 'ada');
  const { id, key: first } = await createKey(gateway, as, { scopes: ['*'] });
  t.equal(await works(gateway, first), true);
  const rotate = async (body: object) => {
    const changed = gateway.nextChange();
    const { status, body: rotated } = await gateway.call('POST', `/api/api-keys/${id}/rotate`, { as, body });
    t.equal(status, 200);
    await changed;
    return rotated;
  };

  const rotated = await rotate({ overlap_seconds: 3600 });
  const { key: second, ...shown } = rotated;
  t.equal(rotated.id, id);
  t.not(second, first);
  t.equal(Date.parse(shown.previous_secret_expires_at) - gateway.clock.now().getTime(), 3_600_000);
  t.strictSame([await works(gateway, first), await works(gateway, second)], [true, true]);
  t.strictSame((await gateway.call('GET', `/api/api-keys/${id}`, { as })).body, {
    ...shown,
    last_used_at: null,
  });

  gateway.clock.advance(3_600_000);
  const login = await gateway.call('POST', '/api/auth/login', {
    body: { email: 'ada@example.com', password: 'a password of tests' },
  });
  t.strictSame([await works(gateway, first), await works(gateway, second)], [false, true]);

  const asAgain = login.body.access_token;
  const rotateNow = gateway.nextChange();
  const last = await gateway.call('POST', `/api/api-keys/${id}/rotate`, {
    as: asAgain,
    body: { overlap_seconds: 0 },
  });
  await rotateNow;
  t.equal(last.body.previous_secret_expires_at, null);
  t.strictSame([await works(gateway, second), await works(gateway, last.body.key)], [false, true]);

  const { rows } = await gateway.database.pool.query(
    `SELECT action, before, after FROM audit_log WHERE action = 'api_key.rotated'`,
  );
  t.equal(rows.length, 2);
  for (const key of [first, second]) t.notMatch(JSON.stringify(rows), key.split('_').at(-1));
});

t.test('given a key, when its name and limits change, then the key itself stays', async (t) => {
  const limitsSet: unknown[] = [];
  const gateway = await createTestGateway(t, {
    setKeyLimits: async ({ keyId, limits }) => {
      limitsSet.push([keyId, limits]);
    },
  });
  const { access_token: as } = await signUp(gateway, 'ada');
  const { id, key } = await createKey(gateway, as);
  const change = (body: object, who = as, of = id) =>
    gateway.call('PATCH', `/api/api-keys/${of}`, { as: who, body });
  gateway.clock.advance(1_000);
  const amount = { kind: 'limited', value: '25000000000', value_usd: '25.000000000' };
  const limits = [{ meter: 'cost', window: 'month', amount }];
  const changed = await change({ name: 'Renamed', limits });
  t.match(changed, { status: 200, body: { id, name: 'Renamed', limits } });
  t.ok(changed.body.updated_at > changed.body.created_at);
  t.strictSame(limitsSet, [[id, [{ meter: 'cost', window: 'month', amount: 25_000_000_000n }]]]);
  t.match(await change({ name: 'Again' }), { body: { name: 'Again', limits } }, 'limits stay');
  t.equal(limitsSet.length, 1);
  t.match(await change({ limits: [] }), { body: { limits: [] } });
  t.equal(await works(gateway, key), true);

  for (const body of [
    {},
    { name: '' },
    { scopes: ['*'] },
    { limits: [{ meter: 'cost', window: 'hour', amount }] },
  ]) {
    t.match(await change(body), { status: 400, body: { code: 'invalid_request' } }, JSON.stringify(body));
  }
  t.equal((await gateway.call('PATCH', `/api/api-keys/${id}`, { body: { name: 'x' } })).status, 401);
  t.equal((await change({ name: 'x'.repeat(3_000_000) })).status, 413);
});

t.test('given someone else, or a key that no longer works, then nothing changes', async (t) => {
  const gateway = await createTestGateway(t);
  const owner = await signUp(gateway, 'owner');
  const eve = await signUp(gateway, 'eve');
  const member = await addMember(gateway, owner, 'member', 'member');
  const as = owner.access_token;
  const { id } = await createKey(gateway, as, { scopes: ['*'] });
  const both = (who: string, of = id) => [
    gateway.call('PATCH', `/api/api-keys/${of}`, { as: who, body: { name: 'x' } }),
    gateway.call('POST', `/api/api-keys/${of}/rotate`, { as: who, body: {} }),
  ];
  for (const answer of await Promise.all(both(eve.access_token))) t.equal(answer.status, 404);
  for (const answer of await Promise.all(both(member.access_token))) {
    t.match(answer, { status: 403, body: { code: 'role_required' } });
  }
  const small = await createKey(gateway, as, { scopes: ['keys:manage', 'generate'] });
  const limited = await createKey(gateway, as, {
    scopes: ['*'],
    limits: [{ meter: 'images', window: 'day', amount: { kind: 'limited', value: '1' } }],
  });
  const reader = await createKey(gateway, as, { scopes: ['usage:read'] });
  for (const { key } of [small, limited, reader]) {
    for (const answer of await Promise.all(both(key))) {
      t.match(answer, { status: 403, body: { code: 'insufficient_scope' } });
    }
  }
  t.match(await Promise.all(both(small.key, small.id)), [{ status: 200 }, { status: 200 }], 'itself');

  const expiring = await createKey(gateway, as, {
    expires_at: new Date(gateway.clock.now().getTime() + 1_000).toISOString(),
  });
  await gateway.call('DELETE', `/api/api-keys/${id}`, { as });
  gateway.clock.advance(1_000);
  for (const [of, state] of [
    [id, 'revoked'],
    [expiring.id, 'expired'],
  ] as const) {
    for (const answer of await Promise.all(both(as, of))) {
      t.match(answer, { status: 409, body: { code: 'conflict', state } });
    }
  }
  const list = async (status: string) =>
    (await gateway.call('GET', `/api/api-keys?status=${status}`, { as })).body.data.map(
      (one: { id: string }) => one.id,
    );
  t.strictSame(await list('revoked'), [id]);
  t.notOk((await list('active')).includes(id));
  t.equal((await gateway.call('GET', '/api/api-keys?status=old', { as })).status, 400);
});
