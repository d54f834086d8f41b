import t from 'tap';
import type { AuditEntryWire } from '#libs/contracts/audit.ts';
import { type EntitlementsWire, entitlementsPath } from '#libs/contracts/entitlements.ts';
import type { FlagRuleWire, FlagWire } from '#libs/contracts/flags.ts';
import {
  ACCOUNT,
  accountCaller,
  createTestService,
  notificationsDuring,
  OTHER_ACCOUNT,
  STAFF,
  staffCaller,
} from '../../fixtures.ts';

type One = FlagWire;
type Many = { data: FlagWire[] };
type Refusal = { code: string };

const FLAG = '/api/admin/flags/white_label';
const segmentsOf = (accountId: string) => `/api/admin/accounts/${accountId}/segments`;

t.test('given accounts on the free plan', async (t) => {
  const service = await createTestService(t);
  const { call, pool, runtime } = service;
  const has = async (accountId: string, feature = 'white_label') => {
    const { status, body } = await call<EntitlementsWire>('GET', entitlementsPath(accountId), {
      as: accountCaller(accountId),
    });
    if (status !== 200) throw new Error(`Entitlements were refused: ${status} ${JSON.stringify(body)}`);
    return body.features[feature];
  };
  const put = (rules: FlagRuleWire[], rest: object = {}) =>
    call<One>('PUT', FLAG, { as: staffCaller('admin'), body: { enabled: true, rules, ...rest } });
  const addAccounts = (ids: string[]) =>
    pool.query(
      `INSERT INTO accounts (id, name, created_at) SELECT i, 'Test', now() FROM unnest($1::uuid[]) i`,
      [ids],
    );
  await has(ACCOUNT);
  const pro = await call('POST', `/api/admin/accounts/${OTHER_ACCOUNT}/overrides`, {
    as: staffCaller('admin'),
    body: {
      kind: 'plan_change',
      plan: 'pro',
      reason: 'a tester',
    },
  });
  t.equal(pro.status, 201);

  await t.test(
    'when a feature is switched on for all, then all have it and every replica is notified',
    async (t) => {
      const heard = await notificationsDuring(pool, async () => {
        const answer = await put([{ kind: 'boolean', on: true }], {
          description: 'Try it',
          reason: 'launch',
        });
        t.equal(answer.status, 201);
        t.match(answer.body, {
          key: 'white_label',
          description: 'Try it',
          author: STAFF,
          feature: null,
        });
      });
      t.strictSame(heard, [{ kind: 'flag', id: 'white_label' }]);
      t.strictSame(await has(ACCOUNT), { granted: true, source: 'flag:white_label' });
    },
  );

  const cases: { name: string; rules: FlagRuleWire[]; mine: boolean; theirs: boolean }[] = [
    { name: 'no account', rules: [{ kind: 'boolean', on: false }], mine: false, theirs: false },
    {
      name: 'an account',
      rules: [{ kind: 'account', account_ids: [ACCOUNT], on: true }],
      mine: true,
      theirs: false,
    },
    { name: 'a plan', rules: [{ kind: 'plan', plans: ['pro'], on: true }], mine: false, theirs: true },
    {
      name: 'a segment',
      rules: [{ kind: 'segment', segments: ['new_tester'], on: true }],
      mine: true,
      theirs: false,
    },
    {
      name: 'all but an account',
      rules: [
        { kind: 'account', account_ids: [ACCOUNT], on: false },
        { kind: 'percent', percentage: 100, on: true },
      ],
      mine: false,
      theirs: true,
    },
    {
      name: 'a share of 0 %',
      rules: [{ kind: 'percent', percentage: 0, on: true }],
      mine: false,
      theirs: false,
    },
  ];
  const grouped = await call('PUT', segmentsOf(ACCOUNT), {
    as: staffCaller('admin'),
    body: { segments: ['new_tester'] },
  });
  t.equal(grouped.status, 200);
  for (const { name, rules, mine, theirs } of cases) {
    await t.test(`when it is for ${name}, then only they have it`, async (t) => {
      t.equal((await put(rules)).status, 200);
      t.strictSame([(await has(ACCOUNT))?.granted, (await has(OTHER_ACCOUNT))?.granted], [mine, theirs]);
    });
  }

  await t.test(
    'when a share of accounts has it, then it is always the same, and more when it grows',
    async (t) => {
      const ids = Array.from({ length: 60 }, () => runtime.newId());
      await addAccounts(ids);
      const those = async () => {
        const grants = await Promise.all(ids.map((id) => has(id)));
        return ids.filter((_, index) => grants[index]?.granted);
      };
      await put([{ kind: 'percent', percentage: 30, on: true }]);
      const few = await those();
      t.ok(few.length > 6 && few.length < 32, `${few.length} of 60`);
      await put([{ kind: 'percent', percentage: 60.25, on: true }]);
      const more = await those();
      t.ok(more.length > few.length);
      t.ok(
        few.every((id) => more.includes(id)),
        'no account loses it',
      );
      await put([{ kind: 'percent', percentage: 30, on: true }]);
      t.strictSame(await those(), few);
    },
  );

  await t.test('when it is disabled or deleted, then only the plans apply', async (t) => {
    await put([{ kind: 'boolean', on: true }], { enabled: false });
    t.strictSame(await has(ACCOUNT), { granted: false, source: 'plan:free' });
    await put([{ kind: 'boolean', on: true }]);
    t.match(await has(ACCOUNT), { granted: true });
    t.equal((await call('DELETE', `${FLAG}?reason=over`, { as: staffCaller('admin') })).status, 204);
    t.strictSame(await has(ACCOUNT), { granted: false, source: 'plan:free' });
    t.equal((await call('DELETE', FLAG, { as: staffCaller('admin') })).status, 404);
    t.equal((await call('GET', FLAG, { as: staffCaller('admin') })).status, 404);
  });

  await t.test('when a flag names another feature, then it controls that feature', async (t) => {
    const body = { enabled: true, feature: 'white_label', rules: [{ kind: 'boolean', on: true }] };
    t.equal((await call('PUT', '/api/admin/flags/new_look', { as: staffCaller('admin'), body })).status, 201);
    t.strictSame(await has(ACCOUNT), { granted: true, source: 'flag:new_look' });
    const { data: flags } = (await call<Many>('GET', '/api/admin/flags', { as: staffCaller('support') }))
      .body;
    t.strictSame(
      flags.map(({ key }) => key),
      ['new_look'],
    );
    t.strictSame(
      (await call<One>('GET', '/api/admin/flags/new_look', { as: staffCaller('support') })).body,
      flags[0],
    );
  });

  await t.test('then every change is audited with the previous state', async (t) => {
    const url = '/api/admin/audit?subject=flag:white_label&limit=100';
    const { data: entries } = (
      await call<{ data: AuditEntryWire[] }>('GET', url, { as: staffCaller('support') })
    ).body;
    t.match(entries[0], { action: 'flag.removed', reason: 'over', after: null, before: { enabled: true } });
    t.match(entries.at(-1), { action: 'flag.set', reason: 'launch', before: null, actor: STAFF });
    t.strictSame(
      entries.slice(0, -1).map(({ before }) => before),
      entries.slice(1).map(({ after }) => after),
    );
  });

  await t.test('then an invalid flag is refused', async (t) => {
    const rule = (rules: unknown) => ({ enabled: true, rules });
    const bodies = [
      rule([{ kind: 'percent', percentage: 101, on: true }]),
      rule([{ kind: 'percent', percentage: '10', on: true }]),
      rule([{ kind: 'account', account_ids: ['me'], on: true }]),
      rule([{ kind: 'account', account_ids: [], on: true }]),
      rule([{ kind: 'account', account_ids: Array.from({ length: 1001 }, () => ACCOUNT), on: true }]),
      rule([{ kind: 'moon', on: true }]),
      rule(Array.from({ length: 51 }, () => ({ kind: 'boolean', on: true }))),
      rule([{ kind: 'boolean', on: 'yes' }]),
      { enabled: true },
      { rules: [] },
      { enabled: true, rules: [], key: 'another' },
      { enabled: true, rules: [], description: 'x'.repeat(501) },
    ];
    for (const body of bodies) {
      const answer = await call<Refusal>('PUT', FLAG, { as: staffCaller('admin'), body });
      t.strictSame(
        [answer.status, answer.body.code],
        [400, 'invalid_request'],
        JSON.stringify(body).slice(0, 80),
      );
    }
    t.equal(
      (await call('PUT', '/api/admin/flags/White-Label', { as: staffCaller('admin'), body: rule([]) }))
        .status,
      400,
    );
    t.equal((await call('GET', FLAG, { as: staffCaller('admin') })).status, 404, 'no flag was created');
  });

  await t.test('then only admins can set one, and support can read', async (t) => {
    const body = { enabled: true, rules: [] };
    t.equal((await call('GET', '/api/admin/flags')).status, 401);
    t.equal((await call('PUT', FLAG, { body })).status, 401);
    for (const role of ['none', 'support'] as const) {
      t.equal((await call('PUT', FLAG, { as: staffCaller(role), body })).status, 403, role);
      t.equal((await call('DELETE', FLAG, { as: staffCaller(role) })).status, 403, role);
      t.equal(
        (await call('PUT', segmentsOf(ACCOUNT), { as: staffCaller(role), body: { segments: [] } })).status,
        403,
        role,
      );
    }
    t.equal((await call('GET', '/api/admin/flags', { as: staffCaller('none') })).status, 403);
    t.equal((await call('GET', segmentsOf(ACCOUNT), { as: staffCaller('none') })).status, 403);
  });
});

t.test('given an account in segments', async (t) => {
  const { call, runtime } = await createTestService(t);
  const url = segmentsOf(ACCOUNT);
  const put = (segments: unknown) =>
    call<object>('PUT', url, { as: staffCaller('admin'), body: { segments } });
  t.strictSame((await put(['b', 'a', 'b'])).body, { account_id: ACCOUNT, segments: ['a', 'b'] });
  t.strictSame((await put(['c'])).body, { account_id: ACCOUNT, segments: ['c'] });
  t.match(await call('GET', url, { as: staffCaller('support') }), {
    status: 200,
    body: { segments: ['c'] },
  });

  await t.test('then an invalid list of names is refused', async (t) => {
    for (const segments of [['A'], [''], ['a b'], 'a', Array.from({ length: 101 }, (_, n) => `s${n}`)]) {
      t.equal((await put(segments)).status, 400);
    }
    t.equal((await call('PUT', url, { body: { segments: [] } })).status, 401);
    const unknown = segmentsOf(runtime.newId());
    t.equal((await call('GET', unknown, { as: staffCaller('admin') })).status, 404);
    t.equal((await call('PUT', unknown, { as: staffCaller('admin'), body: { segments: [] } })).status, 404);
  });
});
