import { randomUUID } from 'node:crypto';
import t from 'tap';
import { transaction } from '#libs/db/database.ts';
import { until } from '#libs/jobs/fixtures.ts';
import { testHold, testSegment, testSettle } from '#libs/ledger/fixtures.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { emit } from '#libs/outbox/emit.ts';
import { worstCaseOf } from '#libs/pipelines/meters.ts';
import { ACCOUNT, createBalances, createTestService, type TestService } from '../fixtures.ts';

const held = async ({ pool }: TestService) =>
  (await pool.query(`SELECT held FROM ledger_counters WHERE meter = 'cost'`)).rows[0].held;

const expired = async ({ metrics }: TestService) =>
  (await metrics.registry.getSingleMetric('inkmeter_holds_expired_total')?.get())?.values[0]?.value;

t.test('given holds whose process is gone', async (t) => {
  const service = await createTestService(t);
  const { ledger, runtime, lines, runTask } = service;
  await createBalances(ledger, ACCOUNT, runtime.clock.now());
  const ids = Array.from({ length: 8 }, () => runtime.newId());
  // as quota resources have it: no call was planned
  const detail = JSON.stringify({ kind: 'seats', calls: [] });
  for (const id of ids) await ledger.hold(testHold(ACCOUNT, id, { cost: 10n }, { detail }));
  const [first = ''] = ids;
  await ledger.settle(testSettle(ACCOUNT, first, { cost: 4n }, { close: false }));
  const young = runtime.newId();
  await ledger.hold(testHold(ACCOUNT, young, { cost: 7n }, { ttlMs: 600_000 }));
  t.equal(await held(service), 83n);

  await t.test('when they have not expired, then nothing happens', async (t) => {
    runtime.clock.advance(59_999);
    await runTask('expire-holds');
    t.equal(await held(service), 83n);
    t.equal(await expired(service), 0);
  });

  await t.test('when they have expired, then concurrent runs release and log each once', async (t) => {
    runtime.clock.advance(1);
    await Promise.all([runTask('expire-holds'), runTask('expire-holds')]);
    // A run that found only holds which the other had just released leaves the rest to the next run.
    await runTask('expire-holds');
    t.equal(await held(service), 7n, 'the hold that has not expired stays');
    t.equal(await expired(service), 8);
    const logged = lines.filter(({ msg }) => msg === 'hold expired');
    t.same(logged.map(({ hold }) => hold).sort(), ids.toSorted());
    t.match(
      logged.find(({ hold }) => hold === first),
      { level: 'warn', account: ACCOUNT, settled_calls: 1, released: { cost: '6' } },
    );
  });
});

const PRICE = {
  provider: 'openai',
  model: 'gpt-4o',
  version: 'openai/gpt-4o@test',
  tiers: [{ from_input_tokens: 0, pico_usd_per_unit: { input: '1000', output: '2000' } }],
};

/** A plan of content: each step holds 100 tokens of input and 50 of output, 200 nano-USD. */
const planOf = (...steps: string[]) =>
  JSON.stringify({
    kind: 'generate',
    calls: steps.map((step, index) => ({
      index,
      step,
      provider: 'openai',
      model: 'gpt-4o',
      inputTokens: 100,
      outputTokens: 50,
      choices: 1,
      otherUnits: {},
      counts: step === 'edit' ? { 'gen.blog': 1 } : {},
      price: PRICE,
    })),
  });

t.test('given a hold whose process is gone in the middle of a pipeline', async (t) => {
  const service = await createTestService(t);
  const { ledger, runtime, pool, runTask } = service;
  await createBalances(ledger, ACCOUNT, runtime.clock.now());
  const id = runtime.newId();
  const detail = planOf('research', 'write', 'edit');
  await ledger.hold(testHold(ACCOUNT, id, { cost: 600n, 'tokens.total': 450n }, { detail }));
  await ledger.settle(testSettle(ACCOUNT, id, { cost: 30n }, { callIndex: 0, close: false }));
  runtime.clock.advance(60_000);
  await Promise.all([runTask('expire-holds'), runTask('expire-holds')]);

  await t.test('then the interrupted step counts at its bound, once', async (t) => {
    const { rows } = await pool.query(
      `SELECT call_index, step, status, error_code, usage_source, input_tokens, output_tokens, cost_nano_usd, late
         FROM usage_events WHERE hold_id = $1 ORDER BY call_index`,
      [id],
    );
    t.equal(rows.length, 2);
    t.match(rows[1], {
      call_index: 1,
      step: 'write',
      status: 'error',
      error_code: 'hold_expired',
      usage_source: 'bound',
      input_tokens: 100,
      output_tokens: 50,
      cost_nano_usd: 200n,
      late: false,
    });
  });

  await t.test('then steps that were never sent are released', async (t) => {
    const { rows } = await pool.query(
      `SELECT meter, used, held FROM ledger_counters WHERE meter IN ('cost', 'tokens.total') ORDER BY meter`,
    );
    t.match(rows, [
      { meter: 'cost', used: 230n, held: 0n },
      { meter: 'tokens.total', used: 150n, held: 0n },
    ]);
    const { rows: holds } = await pool.query('SELECT state FROM ledger_holds WHERE id = $1', [id]);
    t.equal(holds[0].state, 'expired');
  });

  await t.test('then a settlement that arrives later does not count twice', async (t) => {
    const late = await ledger.settle(testSettle(ACCOUNT, id, { cost: 90n }, { callIndex: 1, close: true }));
    t.equal(late.outcome, 'repeated');
    const { rows } = await pool.query(`SELECT used FROM ledger_counters WHERE meter = 'cost'`);
    t.equal(rows[0].used, 230n);
  });
});

t.test('given an expired hold of a call with a fallback, then the more expensive model counts', async (t) => {
  const service = await createTestService(t);
  const { ledger, runtime, pool, runTask } = service;
  await createBalances(ledger, ACCOUNT, runtime.clock.now());
  const id = runtime.newId();
  const plan = JSON.parse(planOf('chat'));
  const price = {
    ...{ provider: 'gemini', model: 'gemini-2.5-pro', version: 'gemini/gemini-2.5-pro@test' },
    tiers: [{ from_input_tokens: 0, pico_usd_per_unit: { input: '3000', output: '6000' } }],
  };
  plan.calls[0].fallbacks = [{ ...plan.calls[0], provider: 'gemini', model: 'gemini-2.5-pro', price }];
  const held = worstCaseOf(plan);
  await ledger.hold(testHold(ACCOUNT, id, held, { detail: JSON.stringify(plan) }));
  runtime.clock.advance(60_000);
  await runTask('expire-holds');
  const { rows } = await pool.query(
    'SELECT provider, usage_source, overrun, meters, amounts FROM usage_events WHERE hold_id = $1',
    [id],
  );
  const [{ meters, amounts, ...row }] = rows;
  t.strictSame(row, { provider: 'gemini', usage_source: 'bound', overrun: false });
  const booked = Object.fromEntries(meters.map((meter: string, index: number) => [meter, amounts[index]]));
  t.same(booked, held, 'what was held, in every meter');
  const used = async () =>
    (await pool.query(`SELECT used FROM ledger_counters WHERE meter = 'cost'`)).rows[0].used;
  t.equal(await used(), 600n);
  const { status, body } = await service.call('POST', `/api/admin/usage/unresolved/${id}.0/resolve`, {
    as: 'admin',
    body: { usage: { input: 80, output: 10 }, reason: 'The invoice.' },
  });
  t.match({ status, body }, { status: 200, body: { correction: { cost_nano_usd: '300' } } });
  t.equal(await used(), 300n, 'at the prices of the model that is recorded');
  t.strictSame(await findBreaches(pool), []);
});

t.test('given an expired hold without a readable plan, then all that it holds counts', async (t) => {
  const service = await createTestService(t);
  const { ledger, runtime, pool, lines, runTask } = service;
  await createBalances(ledger, ACCOUNT, runtime.clock.now());
  const id = runtime.newId();
  await ledger.hold(testHold(ACCOUNT, id, { cost: 600n, 'tokens.total': 450n }, { detail: 'not JSON' }));
  await ledger.settle(testSettle(ACCOUNT, id, { cost: 30n }, { callIndex: 0, close: false }));
  runtime.clock.advance(60_000);
  await Promise.all([runTask('expire-holds'), runTask('expire-holds')]);
  await runTask('expire-holds');
  const { rows } = await pool.query(
    `SELECT call_index, provider, usage_source, error_code, cost_nano_usd, meters, amounts FROM usage_events
      WHERE hold_id = $1 ORDER BY call_index OFFSET 1`,
    [id],
  );
  t.strictSame(rows, [
    {
      call_index: 1,
      provider: 'unknown',
      usage_source: 'bound',
      error_code: 'hold_expired',
      cost_nano_usd: 570n,
      meters: ['cost', 'tokens.total'],
      amounts: [570n, 450n],
    },
  ]);
  const { rows: counters } = await pool.query(
    `SELECT used, held FROM ledger_counters WHERE meter IN ('cost', 'tokens.total') ORDER BY meter`,
  );
  t.match(counters, [
    { used: 600n, held: 0n },
    { used: 450n, held: 0n },
  ]);
  t.ok(lines.some(({ msg, level }) => msg === 'expired hold has no plan' && level === 'error'));
  t.strictSame(await findBreaches(pool), []);
});

t.test(
  'given an expired hold whose result may have been delivered, then it counts as a result',
  async (t) => {
    const service = await createTestService(t);
    const { ledger, runtime, pool, runTask } = service;
    const limits = [testSegment({ meter: 'cost' }), testSegment({ meter: 'gen.blog', n: 10n })];
    await ledger.setLimits({
      accountId: ACCOUNT,
      anchor: runtime.clock.now(),
      periodMonths: 1,
      segments: limits,
    });
    const blogs = async () =>
      (await pool.query(`SELECT used FROM ledger_counters WHERE meter = 'gen.blog'`)).rows[0].used;
    const id = runtime.newId();
    await ledger.hold(testHold(ACCOUNT, id, { cost: 200n, 'gen.blog': 1n }, { detail: planOf('edit') }));
    runtime.clock.advance(60_000);
    await runTask('expire-holds');
    t.equal(await blogs(), 1n);
    const correction = testSettle(ACCOUNT, id, { cost: 90n }, { facts: { status: 'error' } });
    t.equal(await ledger.correct(correction), 'corrected');
    t.equal(await blogs(), 0n, 'until it is known that it was not');
    t.strictSame(await findBreaches(pool), []);
  },
);

t.test(
  'given an expired hold of a customer, then what is not settled counts at its bound, its money included',
  async (t) => {
    const service = await createTestService(t);
    const { ledger, runtime, pool, runTask } = service;
    await createBalances(ledger, ACCOUNT, runtime.clock.now());
    const id = runtime.newId();
    const plan = JSON.parse(planOf('summary', 'render'));
    const [summary, render] = plan.calls;
    const counts = { images: 2, cost: 70 };
    const price = { ...PRICE, tiers: [{ from_input_tokens: 0, pico_usd_per_unit: {} }] };
    const external = { ...render, provider: 'external', inputTokens: 0, outputTokens: 0, counts, price };
    const detail = JSON.stringify({ kind: 'external', calls: [summary, external] });
    const meters = { cost: 270n, 'tokens.total': 150n, images: 2n };
    await ledger.hold(testHold(ACCOUNT, id, meters, { detail }));
    runtime.clock.advance(60_000);
    await Promise.all([runTask('expire-holds'), runTask('expire-holds')]);
    await runTask('expire-holds');
    const { rows } = await pool.query(
      `SELECT provider, endpoint, usage_source, cost_nano_usd FROM usage_events WHERE hold_id = $1 ORDER BY call_index`,
      [id],
    );
    t.strictSame(rows, [
      { provider: 'openai', endpoint: '', usage_source: 'bound', cost_nano_usd: 200n },
      { provider: 'external', endpoint: '', usage_source: 'bound', cost_nano_usd: 70n },
    ]);
    const { rows: counters } = await pool.query(
      `SELECT meter, used, held FROM ledger_counters WHERE used > 0 ORDER BY meter`,
    );
    t.strictSame(counters, [
      { meter: 'cost', used: 270n, held: 0n },
      { meter: 'images', used: 2n, held: 0n },
      { meter: 'tokens.total', used: 150n, held: 0n },
    ]);
    t.strictSame(await findBreaches(pool), []);
  },
);

t.test('given a worker with the rights of the service', async (t) => {
  const { pool, database, startWorker } = await createTestService(t);
  const ledger = createLedger({ pool });
  await createBalances(ledger, ACCOUNT, new Date());
  const id = randomUUID();
  const detail = planOf('chat');
  await ledger.hold(testHold(ACCOUNT, id, { cost: 200n }, { ttlMs: 1, detail }));
  const worker = startWorker();

  await t.test('then holds expire', async () => {
    const stateOf = async () =>
      (await pool.query('SELECT state FROM ledger_holds WHERE id = $1', [id])).rows[0].state;
    await until(async () => (await stateOf()) === 'expired');
  });

  await t.test('then events are delivered', async (t) => {
    const event = { id: randomUUID(), accountId: ACCOUNT, payload: {}, createdAt: new Date() };
    await transaction(database, (tx) => emit(tx, { ...event, type: 'trial.ending' }, randomUUID));
    const statusOf = async () => (await pool.query('SELECT status FROM outbox_deliveries')).rows[0].status;
    await until(async () => (await statusOf()) === 'delivered');
    t.ok(worker.lines.some(({ msg }) => msg === 'event delivered'));
  });

  await t.test('then no task fails', async (t) => {
    const { rows } = await pool.query(
      'SELECT task_identifier FROM graphile_worker.jobs WHERE last_error IS NOT NULL',
    );
    t.strictSame(rows, []);
    t.strictSame(
      worker.lines.filter(({ msg }) => msg === 'job failed'),
      [],
    );
  });
});
