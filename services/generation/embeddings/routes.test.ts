/** What embeddings cost when a provider's answer is not as it should be. */
import { createServer } from 'node:http';
import t from 'tap';
import { planEmbedding } from '#libs/pipelines/embedding.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { listenServerOnFreePort, request } from '#libs/testing/http.ts';
import { createTestGeneration, priceOf } from '../fixtures.ts';

let answer: { status: number; body: unknown } = { status: 200, body: {} };
const vendor = await listenServerOnFreePort(
  t,
  createServer((incoming, response) => {
    incoming.resume().on('end', () => {
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer.body));
    });
  }),
);
const generation = await createTestGeneration(t, { OPENAI_BASE_URL: `${vendor}/v1` });
const HELD_TOKENS = 40;
/** Of both texts and the line break between them, in OpenAI's encoding. */
const COUNTED_TOKENS = 7;

async function embed(status: number, body: unknown, input: unknown = ['Ink is wet.', 'Ink']) {
  answer = { status, body };
  const model = { provider: 'openai', model: 'small', upstreamModel: 'text-embedding-3-small' } as ModelInfo;
  const plan = planEmbedding(model, priceOf('openai', 'small'), HELD_TOKENS);
  const { requestId, headers } = await generation.admit(plan);
  const response = await request<{ data: unknown[]; usage: object; error: object }>(generation.workUrl, {
    headers,
    body: { model: 'small', input },
  });
  const { rows } = await generation.pool.query(
    'SELECT status, error_code, usage_source, input_tokens, cost_nano_usd FROM usage_events WHERE hold_id = $1',
    [requestId],
  );
  return { ...response, row: rows[0] };
}

const vectors = (...embeddings: unknown[]) => embeddings.map((embedding, index) => ({ index, embedding }));

t.test('given vectors out of order and usage, then they are sorted and charged as reported', async (t) => {
  const data = vectors([1, 2], [3, 4]).toReversed();
  const { status, body, row } = await embed(200, { data, usage: { prompt_tokens: 7 } });
  t.equal(status, 200);
  t.strictSame(
    body.data,
    [
      [1, 2],
      [3, 4],
    ].map((embedding, index) => ({ object: 'embedding', index, embedding })),
  );
  t.match(row, { status: 'ok', usage_source: 'provider', input_tokens: 7n, cost_nano_usd: 7_000n });
});

for (const usage of [undefined, { prompt_tokens: 0 }, { prompt_tokens: 'many' }]) {
  t.test(`given the usage ${JSON.stringify(usage)}, then the texts are counted`, async (t) => {
    const { status, body, row } = await embed(200, { data: vectors([1], [2]), usage });
    t.equal(status, 200);
    t.match(row, { status: 'ok', usage_source: 'estimated', input_tokens: BigInt(COUNTED_TOKENS) });
    t.strictSame(body.usage, { prompt_tokens: COUNTED_TOKENS, total_tokens: COUNTED_TOKENS });
  });
}

for (const [name, data] of Object.entries({
  'too few vectors': vectors([1]),
  'no numbers': vectors(['x'], [1]),
  'an empty vector': vectors([], [1]),
  'a cut Base64 text': vectors('AAA=', [1]),
  'no list': { embedding: [1] },
})) {
  t.test(`given ${name}, then the call fails and counts at its bound`, async (t) => {
    const { status, body, row } = await embed(200, { data, usage: { prompt_tokens: 7 } });
    t.equal(status, 502);
    t.match(body.error, { problem_code: 'provider_malformed' });
    t.match(row, { status: 'error', usage_source: 'bound', input_tokens: BigInt(HELD_TOKENS) });
  });
}

t.test('given an error of the provider, then nothing is charged', async (t) => {
  const { status, body, row } = await embed(400, { error: { message: 'too long', param: 'input' } });
  t.equal(status, 400);
  t.match(body.error, { param: 'input' });
  t.match(row, { status: 'error', cost_nano_usd: 0n });
});
