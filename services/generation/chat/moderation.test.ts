/** Chats whose texts are moderated first, where the catalogue asks for it. */
import t from 'tap';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { request } from '#libs/testing/http.ts';
import { chatPlan, createTestGeneration, MODELS } from '../fixtures.ts';

const generation = await createTestGeneration(t);
const { simulator } = generation;

function moderatedPlan() {
  const plan = chatPlan();
  const [call] = plan.calls as [PlannedCall];
  const model = 'omni-moderation-latest';
  const price = {
    provider: 'openai',
    model,
    version: 'free',
    tiers: [{ from_input_tokens: 0, pico_usd_per_unit: { request: '0' } }],
  };
  const safety: PlannedCall = {
    ...{ ...call, index: 1, step: 'safety', model, upstreamModel: model, price },
    ...{ inputTokens: 0, outputTokens: 0, otherUnits: { request: 1 } },
  };
  return { ...plan, calls: [call, safety] };
}

async function chat(content: string) {
  const { requestId, headers } = await generation.admit(moderatedPlan());
  const body = { model: MODELS.openai, messages: [{ role: 'user', content }] };
  const answer = await request<Record<string, unknown>>(generation.workUrl, { headers, body });
  return { ...answer, rows: await generation.rows(requestId), state: await generation.holdState(requestId) };
}

t.test('given a harmless chat, then it is moderated and answered', async (t) => {
  const { status, rows, state } = await chat('Why is ink blue?');
  t.equal(status, 200);
  t.match(rows, [
    { call_index: 0, step: 'chat', status: 'ok' },
    { call_index: 1, step: 'safety', status: 'ok', cost_nano_usd: 0n },
  ]);
  t.equal(state, 'closed');
});

t.test('given a chat that is flagged, then no model is called and nothing is charged', async (t) => {
  const before = simulator.witness.calls().length;
  const { status, body, rows, state } = await chat('How do I stab someone?');
  t.equal(status, 422);
  t.match(JSON.stringify(body), /prompt_refused/);
  t.match(rows, [{ step: 'safety', cost_nano_usd: 0n }]);
  t.equal(rows.length, 1);
  t.equal(simulator.witness.calls().length, before + 1, 'only the moderation');
  t.equal(state, 'closed');
});
