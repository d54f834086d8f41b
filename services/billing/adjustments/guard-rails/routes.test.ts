import { readFileSync } from 'node:fs';
import t from 'tap';
import type { AuditEntryWire } from '#libs/contracts/audit.ts';
import type { GuardRailWire } from '#libs/contracts/guard-rails.ts';
import type { RolloutWire } from '#libs/contracts/rollouts.ts';
import { testHold } from '#libs/ledger/fixtures.ts';
import { runAllRollouts } from '../../catalogues/catalogues.fixture.ts';
import {
  ACCOUNT,
  accountCaller,
  createTestService,
  OTHER_ACCOUNT,
  STAFF,
  staffCaller,
} from '../../fixtures.ts';

type Put = GuardRailWire & { rollout: RolloutWire | null };
type List = { data: GuardRailWire[]; catalogue: object | null; rollout: RolloutWire | null };
type Refusal = { code: string };

const RAILS = '/api/admin/guard-rails';
const CURRENT = '/api/subscription/current';
const ALPHA = readFileSync(
  new URL('../../../../deploy/catalogues/alwrity-alpha.yaml', import.meta.url),
  'utf8',
);
const reason = 'harvesters';

t.test('given the alpha test, where new accounts may use 1 000 tokens and 5 USD a day', async (t) => {
  const service = await createTestService(t, ALPHA);
  const { call, ledger, runtime, pool } = service;
  for (const account of [ACCOUNT, OTHER_ACCOUNT]) await call('GET', CURRENT, { as: accountCaller(account) });
  const rollOut = () => runAllRollouts({ pool, runtime, onFailure: (line) => t.error(line) });
  const verdict = async (tokens: bigint, accountId = ACCOUNT, cost = 0n) => {
    const meters = { 'tokens.total': tokens, cost };
    const id = runtime.newId();
    const { verdict: said, limit } = await ledger.hold(testHold(accountId, id, meters));
    await ledger.close({ holdId: id, accountId });
    return [said, limit?.source];
  };
  const put = (target: object, rest: object) =>
    call<Put>('PUT', RAILS, { as: staffCaller('admin'), body: { target, enabled: true, reason, ...rest } });
  const override = (body: object) =>
    call('POST', `/api/admin/accounts/${ACCOUNT}/overrides`, {
      as: staffCaller('admin'),
      body: { reason, ...body },
    });

  await t.test('then they apply to the free plan, and no override raises them', async (t) => {
    t.strictSame((await verdict(1001n))[0], 'limit_exceeded');
    t.strictSame((await verdict(1000n))[0], 'ok');
    t.strictSame(await verdict(0n, ACCOUNT, 5_000_000_001n), ['limit_exceeded', 'guard_rail']);
    const boost = { kind: 'quota_boost', meter: 'tokens.total', window: 'day', amount: '5000' };
    const answer = await override(boost);
    t.match(answer, { status: 422, body: { code: 'semantic_error' } }, 'it would have no effect');
  });

  await t.test('then they do not apply to paying accounts, except new testers', async (t) => {
    t.equal((await override({ kind: 'plan_change', plan: 'pro' })).status, 201);
    t.strictSame((await verdict(1001n))[0], 'ok');
    const segments = `/api/admin/accounts/${ACCOUNT}/segments`;
    await call('PUT', segments, { as: staffCaller('admin'), body: { segments: ['new_tester'] } });
    t.strictSame(await verdict(1001n), ['limit_exceeded', 'guard_rail']);
    await call('PUT', segments, { as: staffCaller('admin'), body: { segments: [] } });
    t.strictSame((await verdict(1001n))[0], 'ok');
  });

  await t.test('when one account gets a guard rail, then it applies at once and only there', async (t) => {
    const { status, body } = await put(
      { kind: 'account', account_id: ACCOUNT },
      { tokens_per_day: '50', cost_per_day_usd: null },
    );
    t.equal(status, 200);
    t.match(body, { tokens_per_day: '50', author: STAFF, rollout: null });
    t.strictSame(await verdict(51n), ['limit_exceeded', 'guard_rail:account']);
    t.strictSame((await verdict(50n))[0], 'ok');
    t.strictSame((await verdict(51n, OTHER_ACCOUNT))[0], 'ok');
  });

  await t.test('when a plan gets a guard rail, then a rollout applies it', async (t) => {
    const { body } = await put({ kind: 'plan', plan: 'free-alpha' }, { tokens_per_day: '200' });
    t.match(body.rollout, { state: 'running', accounts_total: 2, accounts_done: 0 });
    await rollOut();
    t.strictSame(await verdict(201n, OTHER_ACCOUNT), ['limit_exceeded', 'guard_rail:plan']);
    t.strictSame(
      await verdict(51n),
      ['limit_exceeded', 'guard_rail:account'],
      'the most specific setting applies',
    );
    const list = (await call<List>('GET', RAILS, { as: staffCaller('support') })).body;
    t.match(list.rollout, { state: 'done', accounts_done: 2, accounts_failed: 0 });
    t.match(list.catalogue, {
      tokens_per_day: '1000',
      cost_per_day_usd: '5.000000000',
      segments: ['new_tester'],
    });
    t.strictSame(
      list.data.map(({ target }) => target),
      [
        { kind: 'plan', plan: 'free-alpha' },
        { kind: 'account', account_id: ACCOUNT },
      ],
    );
  });

  await t.test(
    'when they are disabled for all accounts, then more specific settings still apply',
    async (t) => {
      await put({ kind: 'global' }, { enabled: false });
      await rollOut();
      t.strictSame((await verdict(201n, OTHER_ACCOUNT))[0], 'limit_exceeded');
      t.equal(
        (await call('DELETE', `${RAILS}?kind=plan&target=free-alpha`, { as: staffCaller('admin') })).status,
        200,
      );
      await rollOut();
      t.strictSame((await verdict(1000n, OTHER_ACCOUNT))[0], 'ok');
      t.strictSame(
        (await verdict(1001n, OTHER_ACCOUNT))[1],
        'plan:free-alpha',
        "the plan's own limit remains",
      );
    },
  );

  await t.test('when a change comes during a rollout, then a new rollout supersedes it', async (t) => {
    await put({ kind: 'global' }, { tokens_per_day: '10' });
    await put({ kind: 'global' }, { tokens_per_day: '20' });
    const { rows } = await pool.query(
      `SELECT state, count(*)::integer AS n FROM rollouts WHERE state <> 'done' GROUP BY state ORDER BY state`,
    );
    t.strictSame(rows, [
      { state: 'running', n: 1 },
      { state: 'superseded', n: 1 },
    ]);
    await rollOut();
    t.strictSame(await verdict(21n, OTHER_ACCOUNT), ['limit_exceeded', 'guard_rail:global']);
    t.strictSame((await verdict(20n, OTHER_ACCOUNT))[0], 'ok');
  });

  await t.test('when an account is opened while a change commits, then it gets the change', async (t) => {
    const late = runtime.newId();
    await pool.query(`INSERT INTO accounts (id, name, created_at) VALUES ($1, 'Late', now())`, [late]);
    await Promise.all([
      put({ kind: 'global' }, { tokens_per_day: '5' }),
      call('GET', CURRENT, { as: accountCaller(late) }),
      call('GET', CURRENT, { as: accountCaller(late) }),
    ]);
    await rollOut();
    t.strictSame(await verdict(6n, late), ['limit_exceeded', 'guard_rail:global']);
  });

  await t.test("when an account's guard rail is deleted, then that is in force at once", async (t) => {
    const url = `${RAILS}?kind=account&target=${ACCOUNT}&reason=calm`;
    t.match(await call('DELETE', url, { as: staffCaller('admin') }), {
      status: 200,
      body: { rollout: null },
    });
    t.strictSame((await verdict(51n))[1], 'guard_rail:global');
    t.equal((await call('DELETE', url, { as: staffCaller('admin') })).status, 404);
    const audit = `/api/admin/audit?action=guard_rail.&account_id=${ACCOUNT}`;
    const { data: entries } = (
      await call<{ data: AuditEntryWire[] }>('GET', audit, { as: staffCaller('admin') })
    ).body;
    t.match(entries, [
      { action: 'guard_rail.withdrawn', reason: 'calm', before: { tokens_per_day: '50' }, after: null },
      { action: 'guard_rail.set', before: null, after: { enabled: true, cost_per_day_usd: null } },
    ]);
  });

  await t.test('then a guard rail without a limit or a target is refused', async (t) => {
    const good = { target: { kind: 'global' }, enabled: true, reason };
    const cases: [object, number, string][] = [
      [{ ...good, tokens_per_day: null, cost_per_day_usd: null }, 422, 'semantic_error'],
      [{ ...good, target: { kind: 'plan', plan: 'platinum' } }, 422, 'semantic_error'],
      [{ ...good, target: { kind: 'account', account_id: runtime.newId() } }, 404, 'not_found'],
      [{ ...good, target: { kind: 'account', account_id: 'me' } }, 400, 'invalid_request'],
      [{ ...good, target: { kind: 'planet' } }, 400, 'invalid_request'],
      [{ ...good, tokens_per_day: '-1' }, 400, 'invalid_request'],
      [{ ...good, tokens_per_day: 1000 }, 400, 'invalid_request'],
      [{ ...good, cost_per_day_usd: '0.00' }, 400, 'invalid_request'],
      [{ ...good, cost_per_day_usd: '1e3' }, 400, 'invalid_request'],
      [{ target: good.target, enabled: true }, 400, 'invalid_request'],
      [{ ...good, reason: 'x'.repeat(501) }, 400, 'invalid_request'],
    ];
    for (const [body, status, code] of cases) {
      const answer = await call<Refusal>('PUT', RAILS, { as: staffCaller('admin'), body });
      t.strictSame([answer.status, answer.body.code], [status, code], JSON.stringify(body).slice(0, 120));
    }
    for (const query of ['', '?kind=plan', '?kind=account&target=me', '?kind=global&target=free']) {
      t.equal((await call('DELETE', `${RAILS}${query}`, { as: staffCaller('admin') })).status, 400, query);
    }
  });

  await t.test('then only admins can set one, and support can read', async (t) => {
    const body = { target: { kind: 'global' }, enabled: false, reason };
    t.equal((await call('GET', RAILS)).status, 401);
    t.equal((await call('PUT', RAILS, { body })).status, 401);
    for (const role of ['none', 'support'] as const) {
      t.equal((await call('PUT', RAILS, { as: staffCaller(role), body })).status, 403, role);
      t.equal((await call('DELETE', `${RAILS}?kind=global`, { as: staffCaller(role) })).status, 403, role);
    }
    t.equal((await call('GET', RAILS, { as: staffCaller('none') })).status, 403);
  });
});
