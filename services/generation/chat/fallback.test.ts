/** Chats are answered although a provider is down, and the model that answered is priced and shown. */
import t from 'tap';
import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { request } from '#libs/testing/http.ts';
import { chatPlan, createTestGeneration } from '../fixtures.ts';

// Nothing listens there: OpenAI is down for all of the tests.
const generation = await createTestGeneration(t, { OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' });
const { pool, simulator } = generation;

// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests are about
type Answer = any;

const MESSAGES = [{ role: 'user', content: 'Rivers' }];

function planWith(...others: ('anthropic' | 'gemini')[]): CallPlan {
  const [call] = chatPlan('openai').calls;
  const fallbacks = others.flatMap((provider) => chatPlan(provider).calls);
  return { kind: 'chat', calls: call ? [{ ...call, fallbacks }] : [] };
}

async function complete(plan: CallPlan, more: object = {}) {
  const { requestId, headers } = await generation.admit(plan);
  const answer = await request<Answer>(generation.workUrl, {
    headers,
    body: { model: 'auto', messages: MESSAGES, ...more },
  });
  return { ...answer, state: await generation.holdState(requestId), rows: await generation.rows(requestId) };
}

t.test('given a provider that is down, then the fallback answers, and is priced and shown', async (t) => {
  const { status, body, rows, state } = await complete(planWith('gemini', 'anthropic'));
  t.equal(status, 200);
  t.match(body, { object: 'chat.completion', model: /^gemini/ });
  t.match(rows, [{ provider: 'gemini', status: 'ok', usage_source: 'provider', overrun: false }]);
  t.equal(rows.length, 1);
  t.ok(rows[0]?.meters.includes('calls.gemini') && !rows[0].meters.includes('calls.openai'));
  t.equal(state, 'closed');
  t.strictSame(await findBreaches(pool), []);
});

t.test('given a stream, then the fallback answers before anything was sent', async (t) => {
  const { requestId, headers } = await generation.admit(planWith('anthropic'));
  const response = await fetch(generation.workUrl, {
    method: 'POST',
    headers,
    body: JSON.stringify({ model: 'auto', messages: MESSAGES, stream: true }),
  });
  const text = await response.text();
  t.equal(response.status, 200);
  t.match(text, /"delta"[\s\S]*data: \[DONE\]/);
  t.notMatch(text, /"error"/);
  t.equal(await generation.holdState(requestId), 'closed');
  t.match(await generation.rows(requestId), [{ provider: 'anthropic', status: 'ok' }]);
});

t.test('given a model that failed five times, then it is left out until it is tried again', async (t) => {
  for (let number = 0; number < 5; number += 1) await complete(planWith('gemini'));
  const { rows, headers } = await complete(planWith('gemini'));
  t.match(rows, [{ provider: 'gemini', attempts: 1 }]);
  t.match(headers.get('x-inkmeter-model'), /^gemini/, 'the header names the model that answered');
  const metrics = await generation.metrics.registry.metrics();
  t.match(metrics, /inkmeter_circuits_open\{[^}]*target="openai\/[^}]+\} 1/);
  const failing = await complete(planWith());
  t.match(failing, { status: 502, rows: [{ provider: 'openai', status: 'error', cost_nano_usd: 0n }] });
});

t.test('given a request that is at fault, then no fallback is asked', async (t) => {
  const before = simulator.witness.calls().length;
  const [call] = chatPlan('gemini').calls;
  const fallbacks = chatPlan('anthropic').calls;
  const plan: CallPlan = { kind: 'chat', calls: call ? [{ ...call, fallbacks }] : [] };
  const refused = await complete(plan, {
    messages: [{ role: 'user', content: 'Rivers [[simulate: status=400]]' }],
  });
  t.match(refused, { status: 400, rows: [{ provider: 'gemini', status: 'error' }] });
  t.equal(simulator.witness.calls().length, before + 1);
});
