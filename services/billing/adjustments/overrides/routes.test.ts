import t from 'tap';
import type { AuditEntryWire } from '#libs/contracts/audit.ts';
import { type EntitlementsWire, entitlementsPath } from '#libs/contracts/entitlements.ts';
import type { OverrideWire } from '#libs/contracts/overrides.ts';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import {
  ACCOUNT,
  accountCaller,
  createTestService,
  notificationsDuring,
  OTHER_ACCOUNT,
  STAFF,
  staffCaller,
} from '../../fixtures.ts';

type One = OverrideWire;
type Many = { data: OverrideWire[] };
type Refusal = { code: string; param?: string };

const pathOf = (accountId: string) => `/api/admin/accounts/${accountId}/overrides`;
const OVERRIDES = pathOf(ACCOUNT);
const reason = 'made good';
const boost = { kind: 'quota_boost', meter: 'images', amount: '3', reason };

t.test('given an account that has used up its images', async (t) => {
  const service = await createTestService(t);
  const { call, ledger, runtime, pool } = service;
  await call('GET', '/api/subscription/current', { as: accountCaller(ACCOUNT) });
  const hold = async (images: bigint) => {
    const id = runtime.newId();
    const { verdict, limit } = await ledger.hold(testHold(ACCOUNT, id, { images }));
    return { id, verdict, limit };
  };
  const settle = (id: string, images: bigint) =>
    ledger.settle(testSettle(ACCOUNT, id, { images }, { facts: { outputCostNanoUsd: 0n } }));
  const first = await hold(5n);
  await settle(first.id, 5n);
  t.equal((await hold(1n)).verdict, 'limit_exceeded');

  let granted: OverrideWire;
  await t.test('when staff grant three more, then three more can be held at once', async (t) => {
    const expires_at = '2026-11-20T13:00:00.000Z';
    const heard = await notificationsDuring(pool, async () => {
      const answer = await call<One>('POST', OVERRIDES, {
        as: staffCaller('admin'),
        body: { ...boost, expires_at },
      });
      t.equal(answer.status, 201);
      granted = answer.body;
    });
    t.strictSame(heard, [{ kind: 'account', id: ACCOUNT }]);
    t.match(granted, { ...boost, account_id: ACCOUNT, author: STAFF, state: 'in_force', expires_at });
    const second = await hold(2n);
    t.match(second, { verdict: 'ok', limit: { amount: 8n, source: `override:${granted.id}` } });
    t.equal((await hold(2n)).verdict, 'limit_held');
    await settle(second.id, 2n);
    t.equal((await hold(2n)).verdict, 'limit_exceeded');
    t.equal((await hold(1n)).verdict, 'ok', 'this one stays open');
  });

  await t.test(
    'when it expires while work is held, then that work may finish and no new work starts',
    async (t) => {
      runtime.clock.set('2026-11-20T12:59:59.999Z');
      t.equal((await hold(1n)).verdict, 'limit_held');
      runtime.clock.set('2026-11-20T13:00:00.000Z');
      t.match(await hold(1n), {
        verdict: 'limit_exceeded',
        limit: { amount: 5n, used: 7n, source: 'plan:free' },
      });
      const { rows } = await pool.query<{ id: string }>(
        `SELECT id FROM ledger_holds WHERE state = 'open' AND account_id = $1`,
        [ACCOUNT],
      );
      t.match(await settle(rows[0]?.id ?? '', 1n), { outcome: 'settled', late: false });
      const { body } = await call<Many>('GET', OVERRIDES, { as: staffCaller('support') });
      t.match(body.data, [{ id: granted.id, state: 'expired' }]);
    },
  );

  await t.test('when staff end one early, then it has no effect any more', async (t) => {
    const more = await call<One>('POST', OVERRIDES, {
      as: staffCaller('admin'),
      body: { ...boost, amount: '100' },
    });
    t.match(more.body, { expires_at: '2026-12-20T12:00:00.000Z' }, 'a boost is for the period');
    t.equal((await hold(1n)).verdict, 'ok');
    runtime.clock.advance(60_000);
    const url = `${OVERRIDES}/${more.body.id}`;
    const ended = await call<One>('DELETE', `${url}?reason=a%20mistake`, { as: staffCaller('admin') });
    t.match(ended.body, {
      state: 'ended',
      ended_by: STAFF,
      ended_at: runtime.clock.now().toISOString(),
      updated_at: runtime.clock.now().toISOString(),
    });
    t.equal((await hold(1n)).verdict, 'limit_exceeded');
    t.strictSame(
      (await call<One>('DELETE', url, { as: staffCaller('admin') })).body,
      ended.body,
      'ending twice is ending once',
    );
  });

  await t.test('then every change is audited', async (t) => {
    const { body } = await call<{ data: AuditEntryWire[] }>(
      'GET',
      `/api/admin/audit?account_id=${ACCOUNT}&action=override.`,
      { as: staffCaller('support') },
    );
    t.match(body.data, [
      { action: 'override.ended', reason: 'a mistake', actor: STAFF, before: { amount: '100' }, after: null },
      { action: 'override.created', after: { amount: '100' }, before: null },
      { action: 'override.created', reason, after: { kind: 'quota_boost', meter: 'images', amount: '3' } },
    ]);
    t.equal(body.data.length, 3);
  });
});

t.test('given an account on the free plan', async (t) => {
  const service = await createTestService(t);
  const { call, ledger, runtime } = service;
  const entitlements = async () =>
    (await call<EntitlementsWire>('GET', entitlementsPath(ACCOUNT), { as: accountCaller(ACCOUNT) })).body;
  const create = (body: object) =>
    call<One>('POST', OVERRIDES, { as: staffCaller('admin'), body: { reason, ...body } });

  await t.test(
    'when a feature is granted, then the account has it, with the override as its source',
    async (t) => {
      t.match((await entitlements()).features, { white_label: { granted: false, source: 'plan:free' } });
      const { body } = await create({ kind: 'feature_grant', feature: 'white_label' });
      t.match(body, { expires_at: null, feature: 'white_label' });
      const source = `override:${body.id}`;
      t.match((await entitlements()).features, { white_label: { granted: true, source } });
    },
  );

  await t.test('when a plan change is scheduled, then it starts and ends by time', async (t) => {
    const change = {
      kind: 'plan_change',
      plan: 'pro',
      from: '2026-11-21T00:00:00.000Z',
      expires_at: '2026-11-22T00:00:00.000Z',
    };
    const { body } = await create(change);
    t.equal(body.state, 'scheduled');
    t.match(await entitlements(), { plan: { key: 'free' }, validUntil: '2026-11-21T00:00:00.000Z' });
    const hold = async () => (await ledger.hold(testHold(ACCOUNT, runtime.newId(), { images: 20n }))).verdict;
    t.equal(await hold(), 'limit_exceeded');
    runtime.clock.set('2026-11-21T00:00:00.000Z');
    t.match((await entitlements()).plan, { key: 'pro', source: `override:${body.id}` });
    t.equal(await hold(), 'ok');
    runtime.clock.set('2026-11-22T00:00:00.000Z');
    t.match((await entitlements()).plan, { key: 'free', source: 'subscription' });
    t.equal(await hold(), 'limit_exceeded');
  });

  await t.test('when a limit is replaced, then the amount is the one that staff set', async (t) => {
    const amount = { kind: 'limited', value: '750000000' };
    const { body } = await create({ kind: 'limit_replacement', meter: 'cost', amount });
    t.match(body, { amount: { ...amount, value_usd: '0.750000000' }, expires_at: null });
    t.notOk('limit' in body, 'the stored form is not shown');
    const id = runtime.newId();
    t.match(await ledger.hold(testHold(ACCOUNT, id, { cost: 750_000_001n })), {
      verdict: 'limit_exceeded',
      limit: { amount: 750_000_000n },
    });
    await create({ kind: 'limit_replacement', meter: 'cost', amount: { kind: 'unlimited' } });
    t.equal((await ledger.hold(testHold(ACCOUNT, runtime.newId(), { cost: 10n ** 12n }))).verdict, 'ok');
  });

  await t.test('when boosts exceed the largest amount, then the limit is the largest amount', async (t) => {
    const amount = '9'.repeat(18);
    for (let n = 0; n < 10; n += 1) {
      t.equal((await create({ kind: 'quota_boost', meter: 'images', amount })).status, 201);
    }
    const { verdict, limit } = await ledger.hold(testHold(ACCOUNT, runtime.newId(), { images: 2n ** 53n }));
    t.equal(verdict, 'ok');
    t.ok((limit?.amount ?? 0n) > 10n ** 18n, `the limit is ${limit?.amount}`);
  });

  await t.test('then an invalid override is refused', async (t) => {
    const cases: [object, number, string][] = [
      [{ kind: 'quota_boost', meter: 'imagez', amount: '1' }, 400, 'invalid_request'],
      [{ kind: 'quota_boost', meter: 'images', amount: '0' }, 400, 'invalid_request'],
      [{ kind: 'quota_boost', meter: 'images', amount: '-1' }, 400, 'invalid_request'],
      [{ kind: 'quota_boost', meter: 'images', amount: 5 }, 400, 'invalid_request'],
      [{ kind: 'quota_boost', meter: 'images', amount: '1'.repeat(19) }, 400, 'invalid_request'],
      [{ kind: 'quota_boost', meter: 'images', amount: '1', reason: ' ' }, 400, 'invalid_request'],
      [
        { kind: 'quota_boost', meter: 'images', amount: '1', reason: 'x'.repeat(501) },
        400,
        'invalid_request',
      ],
      [{ kind: 'quota_boost', meter: 'images', amount: '1', account_id: ACCOUNT }, 400, 'invalid_request'],
      [{ kind: 'quota_boost', meter: 'images', amount: '1', expires_at: 'tomorrow' }, 400, 'invalid_request'],
      [{ kind: 'quota_boost', meter: 'audio.seconds', amount: '1' }, 422, 'semantic_error'],
      [{ kind: 'quota_boost', meter: 'images', window: 'week', amount: '1' }, 422, 'semantic_error'],
      [
        { kind: 'quota_boost', meter: 'images', amount: '1', expires_at: '2026-11-20T12:00:00.000Z' },
        422,
        'semantic_error',
      ],
      [
        { kind: 'quota_boost', meter: 'images', amount: '1', from: '2026-11-20T12:00:00.000Z' },
        422,
        'semantic_error',
      ],
      [{ kind: 'feature_grant', feature: 'white_lable' }, 422, 'semantic_error'],
      [{ kind: 'plan_change', plan: 'platinum' }, 422, 'semantic_error'],
      [{ kind: 'gift' }, 400, 'invalid_request'],
      [
        { kind: 'limit_replacement', meter: 'kb.files', window: 'day', amount: { kind: 'unlimited' } },
        422,
        'semantic_error',
      ],
    ];
    for (const [body, status, code] of cases) {
      const answer = await call<Refusal>('POST', OVERRIDES, {
        as: staffCaller('admin'),
        body: { reason, ...body },
      });
      t.strictSame([answer.status, answer.body.code], [status, code], JSON.stringify(body));
    }
  });

  await t.test('then only admins can grant or end one, and support can read', async (t) => {
    const id = runtime.newId();
    t.equal((await call('GET', OVERRIDES)).status, 401);
    t.equal((await call('POST', OVERRIDES, { body: boost })).status, 401);
    for (const role of ['none', 'support'] as const) {
      t.equal((await call('POST', OVERRIDES, { as: staffCaller(role), body: boost })).status, 403, role);
      t.equal((await call('DELETE', `${OVERRIDES}/${id}`, { as: staffCaller(role) })).status, 403, role);
    }
    t.equal((await call('GET', OVERRIDES, { as: staffCaller('none') })).status, 403);
    t.equal((await call('GET', OVERRIDES, { as: staffCaller('support') })).status, 200);
  });

  await t.test('then those of another account are not found', async (t) => {
    const { body } = await create(boost);
    const { id } = body;
    t.equal(
      (await call('DELETE', `${pathOf(OTHER_ACCOUNT)}/${id}`, { as: staffCaller('admin') })).status,
      404,
    );
    t.strictSame(
      (await call<Many>('GET', pathOf(OTHER_ACCOUNT), { as: staffCaller('admin') })).body.data,
      [],
    );
    const unknown = pathOf(runtime.newId());
    t.equal((await call('GET', unknown, { as: staffCaller('admin') })).status, 404);
    t.equal((await call('POST', unknown, { as: staffCaller('admin'), body: boost })).status, 404);
    t.equal((await call('GET', pathOf('me'), { as: staffCaller('admin') })).status, 400);
  });

  await t.test('then their number is limited', async (t) => {
    let status = 201;
    for (let n = 0; status === 201 && n < 120; n += 1) ({ status } = await create(boost));
    t.equal(status, 409);
  });
});
