/** Settlements while the ledger takes none: streams end only when they are durable, and a replay settles them exactly once. */
import t from 'tap';
import { until } from '#libs/jobs/fixtures.ts';
import { testFacts } from '#libs/ledger/fixtures.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { settleWithin } from '#libs/ledger/quota-resources.ts';
import { chatPlan, createTestGeneration, type TestGeneration } from '../fixtures.ts';

const REFUSE = 'ALTER TABLE usage_events ADD CONSTRAINT away CHECK (false) NOT VALID';
const ACCEPT = 'ALTER TABLE usage_events DROP CONSTRAINT away';
const chat = (content: string, stream: boolean) => ({
  model: 'gpt-4o',
  stream,
  messages: [{ role: 'user', content }],
});

/** Starts a streamed chat. `read` resolves with all text until it matches, or until the end. */
async function startStream(generation: TestGeneration, content: string, ttlMs = 60_000) {
  const { requestId, headers } = await generation.admit(chatPlan(), { ttlMs });
  const response = await fetch(generation.workUrl, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(chat(content, true)),
  });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let text = '';
  const read = async (pattern: RegExp | null) => {
    while (pattern === null || !pattern.test(text)) {
      const { value, done } = await reader.read();
      if (done) break;
      text += Buffer.from(value).toString();
    }
    return text;
  };
  return { requestId, read };
}

const contentOf = (text: string) =>
  text
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => JSON.parse(event.slice(6)).choices?.[0]?.delta?.content ?? '')
    .join('');

async function gauge({ metrics }: TestGeneration, name: string): Promise<number | undefined> {
  return (await metrics.registry.getSingleMetric(name)?.get())?.values[0]?.value;
}

t.test('given a ledger that takes no settlement, when an answer is streamed', async (t) => {
  const generation = await createTestGeneration(t);
  const { pool } = generation;
  await pool.query(REFUSE);
  const { requestId, read } = await startStream(
    generation,
    'Tell me about rivers [[simulate: fill,chunk_delay=20]]',
  );

  await t.test('then its end is sent when the settlement is on disk', async (t) => {
    const beginning = await read(/"content":"[^"]/);
    t.notMatch(beginning, /"finish_reason":"/);
    t.equal(
      generation.lines.filter(({ msg }) => msg === 'settlement spooled').length,
      0,
      'the beginning is not delayed',
    );
    const whole = await read(/"finish_reason":"/);
    t.ok(contentOf(whole).length > contentOf(beginning).length);
    t.equal(generation.lines.filter(({ msg }) => msg === 'settlement spooled').length, 1);
    t.match(await read(null), /data: \[DONE\]/);
  });

  await t.test('then operators see it', async (t) => {
    t.equal(await gauge(generation, 'inkmeter_spooled_settlements'), 1);
    t.ok((await gauge(generation, 'inkmeter_spool_oldest_seconds')) ?? -1 >= 0);
    t.match(generation.conditions(), { settlement_spool: /^1 waiting, the oldest for \d+ s$/ });
    t.strictSame(await generation.rows(requestId), []);
  });

  await t.test('when the ledger takes settlements again, then the call is settled, exactly', async (t) => {
    await pool.query(ACCEPT);
    t.equal(await generation.holdState(requestId), 'closed');
    const [usage] = generation.simulator.witness.calls().map((call) => call.usage);
    const rows = await generation.rows(requestId);
    t.match(rows, [{ usage_source: 'provider', status: 'ok', output_tokens: usage?.output }]);
    await until(async () => generation.conditions().settlement_spool === undefined);
    t.equal(await gauge(generation, 'inkmeter_spooled_settlements'), 0);
    t.strictSame(await findBreaches(pool), []);
  });
});

t.test('given a spool without room, when an answer is streamed, then its end is never sent', async (t) => {
  const generation = await createTestGeneration(t, { SPOOL_LIMIT: '10' });
  await generation.pool.query(REFUSE);
  const { read } = await startStream(generation, 'Tell me about rivers [[simulate: fill,chunk_delay=20]]');
  const text = await read(null);
  t.match(text, /"problem_code":"metering_unavailable"/);
  t.notMatch(text, /"finish_reason":"|\[DONE\]/);
  const [call] = generation.simulator.witness.calls();
  t.equal(call?.complete, true);
  t.ok(generation.lines.some(({ msg, level }) => msg === 'settlement failed' && level === 'error'));
});

t.test(
  'given a hold that expired before the replay, then its bound is corrected to the true figures',
  async (t) => {
    const generation = await createTestGeneration(t, { DEADLINE_MARGIN: '500ms' });
    const { pool, counters } = generation;
    await pool.query(REFUSE);
    const { requestId, read } = await startStream(generation, 'Rivers [[simulate: fill]]', 6_000);
    await read(null);
    // as the expiry of holds does, on another machine whose database has come back
    const bound = {
      accountId: '0190a1b2-0000-7000-8000-00000000a001',
      holdId: requestId,
      callIndex: 0,
      meters: { cost: 805_000n, 'tokens.total': 560n, 'api.requests': 1n },
      facts: testFacts({
        usageSource: 'bound',
        status: 'error',
        model: 'gpt-4o',
        inputTokens: 500,
        outputTokens: 60,
        inputCostNanoUsd: 625_000n,
        outputCostNanoUsd: 180_000n,
      }),
      close: true,
    };
    const client = await pool.connect();
    await client.query(`BEGIN; ${ACCEPT}`);
    await settleWithin({ $client: client }, null, bound);
    await client.query('COMMIT');
    client.release();
    const final = async () => (await generation.rows(requestId)).map(({ usage_source }) => usage_source);
    await until(async () => (await final()).includes('provider'));
    const [usage] = generation.simulator.witness.calls().map((call) => call.usage);
    const cost = BigInt(usage?.input ?? 0) * 1_000n + BigInt(usage?.output ?? 0) * 2_000n;
    t.strictSame(await final(), ['provider', 'bound'], 'a correction and the call');
    t.strictSame((await counters()).cost, { used: cost, held: 0n });
    t.strictSame(await findBreaches(pool), []);
  },
);

t.test('given several requests, then all settlements are replayed', async (t) => {
  const generation = await createTestGeneration(t);
  await generation.pool.query(REFUSE);
  const streams = await Promise.all(
    ['Rivers', 'Lakes', 'Seas'].map((topic) => startStream(generation, `${topic} [[simulate: fill]]`)),
  );
  for (const { read } of streams) t.match(await read(null), /\[DONE\]/);
  t.match(generation.conditions(), { settlement_spool: /^3 waiting/ });
  await generation.pool.query(ACCEPT);
  for (const { requestId } of streams) {
    t.equal(await generation.holdState(requestId), 'closed');
    t.equal((await generation.rows(requestId)).length, 1);
  }
  t.strictSame(await findBreaches(generation.pool), []);
});
