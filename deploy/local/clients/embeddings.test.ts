/** OpenAI's SDK against `POST /v1/embeddings` and `POST /v1/moderations`, with the models of several providers. */
import OpenAI from 'openai';
import t from 'tap';
import { startInstallation } from '../installation.fixture.ts';

const { call, customer, keyOf, url, pool } = await startInstallation(t, 'default');
const buyer = await customer('pro');
const key = await keyOf(buyer);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });

/** Nano-USD per token. */
const MODELS = [
  { model: 'text-embedding-3-small', dimensions: 1536, price: 20 },
  { model: 'text-embedding-3-large', dimensions: 3072, price: 130 },
  { model: 'gemini-embedding-001', dimensions: 3072, price: 150 },
  { model: 'mistral-embed', dimensions: 1024, price: 100 },
  { model: 'nomic-embed-text', dimensions: 768, price: 0 },
];
const TEXTS = ['Ink is wet.', 'Ink is very wet.', 'Seven mountains far away'];

function cosine(one: readonly number[], other: readonly number[]): number {
  return one.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0);
}

const lastRow = async () =>
  (await pool.query('SELECT * FROM usage_events ORDER BY occurred_at DESC LIMIT 1')).rows[0];

for (const { model, dimensions, price } of MODELS) {
  t.test(`given ${model}, then each text has a vector, and the tokens are charged`, async (t) => {
    const { data: list, response } = await client.embeddings
      .create({ model, input: TEXTS, encoding_format: 'float' })
      .withResponse();
    t.strictSame(
      list.data.map(({ index, embedding }) => [index, embedding.length]),
      TEXTS.map((_, index) => [index, dimensions]),
    );
    const [wet = [], veryWet = [], far = []] = list.data.map(({ embedding }) => embedding);
    t.ok(cosine(wet, veryWet) > cosine(wet, far) + 0.3, 'similar texts are nearer');
    const tokens = list.usage.prompt_tokens;
    t.equal(list.usage.total_tokens, tokens);
    t.equal(list.model, model);
    t.equal(response.headers.get('x-inkmeter-cost-usd'), ((tokens * price) / 1e9).toFixed(9));
    t.match(await lastRow(), {
      endpoint: 'embeddings',
      status: 'ok',
      usage_source: 'provider',
      overrun: false,
      model,
    });

    const packed = await client.embeddings.create({ model, input: TEXTS });
    const [decoded = []] = packed.data.map(({ embedding }) => embedding);
    t.equal(decoded.length, dimensions, 'the SDK asks for Base64 and decodes it');
    t.ok(decoded.every((value, at) => Math.abs(value - (wet[at] ?? 0)) < 1e-6));
  });
}

t.test('given one text, token ids or lists of them, then OpenAI’s models take all', async (t) => {
  const model = 'text-embedding-3-small';
  for (const [input, vectors] of [
    ['Ink', 1],
    [[9, 14, 100], 1],
    [[[9], [14, 100]], 2],
  ] as const) {
    const body = { model, input: input as never, dimensions: 256, user: 'u1' };
    const { data } = await client.embeddings.create(body);
    t.equal(data.length, vectors);
    t.equal(data[0]?.embedding.length, 256);
  }
});

t.test('given a hold, then it covers the bytes of the texts', async (t) => {
  await client.embeddings.create({ model: 'text-embedding-3-small', input: '画'.repeat(1000) });
  const { rows } = await pool.query(
    'SELECT input_tokens, overrun FROM usage_events ORDER BY occurred_at DESC',
  );
  t.notOk(rows.some(({ overrun }) => overrun));
  t.ok(rows[0].input_tokens <= 3_016);
});

t.test('given what a model cannot take, then it is refused by its name', async (t) => {
  const rows: [param: string, body: object][] = [
    ['dimensions', { model: 'mistral-embed', input: 'hi', dimensions: 256 }],
    ['task_type', { model: 'mistral-embed', input: 'hi', task_type: 'CLUSTERING' }],
    ['input', { model: 'gemini-embedding-001', input: [1, 2] }],
    ['input', { model: 'gemini-embedding-001', input: Array(101).fill('hi') }],
    ['input', { model: 'text-embedding-3-small', input: [] }],
    ['input', { model: 'text-embedding-3-small', input: '' }],
    ['input', { model: 'text-embedding-3-small', input: ['hi', 7] }],
    ['input', { model: 'text-embedding-3-small', input: Array(2_049).fill('hi') }],
  ];
  for (const [param, body] of rows) {
    const { status, body: answer } = await call('/v1/embeddings', key, body);
    t.equal(status, 400, JSON.stringify(body).slice(0, 60));
    t.match(answer.error, { param, message: String });
  }
});

t.test('given a text that no model takes, then it is refused before it is held', async (t) => {
  const input = 'word '.repeat(9_000);
  const { status, body } = await call('/v1/embeddings', key, { model: 'text-embedding-3-small', input });
  t.equal(status, 400);
  t.equal(body.error.problem_code, 'prompt_too_large');
});

t.test('given other models or plans, then they are refused', async (t) => {
  const small = await keyOf(await customer('free'));
  const input = 'hi';
  for (const [credential, model, status, code] of [
    [key, 'gpt-4o-mini', 403, 'model_not_in_plan'],
    [small, 'text-embedding-3-large', 403, 'model_not_in_plan'],
    [key, 'no-such-model', 404, 'unknown_model'],
    [null, 'text-embedding-3-small', 401, 'unauthenticated'],
  ] as const) {
    const answer = await call('/v1/embeddings', credential, { model, input });
    t.equal(answer.status, status, `${model}: ${JSON.stringify(answer.body)}`);
    t.equal(answer.body.error.problem_code, code);
  }
  t.equal((await call('/v1/embeddings', small, { model: 'auto', input })).status, 200);
});

t.test('given a request that is repeated, then it is charged once', async (t) => {
  const body = { model: 'text-embedding-3-small', input: 'Only once.' };
  const count = async () => Number((await pool.query('SELECT count(*) FROM usage_events')).rows[0].count);
  const before = await count();
  const headers = { 'idempotency-key': 'embedding-1' };
  const first = await call('/v1/embeddings', key, body, headers);
  const second = await call('/v1/embeddings', key, body, headers);
  t.strictSame(second.body, first.body);
  t.equal(await count(), before + 1);
});

t.test('given a moderation, then it is free, recorded and counted as a request', async (t) => {
  const requests = async () => {
    const { rows } = await pool.query(
      `SELECT coalesce(sum(used), 0)::int AS used FROM ledger_counters
        WHERE account_id = $1 AND meter = 'api.requests'`,
      [buyer.accountId],
    );
    return rows[0].used;
  };
  const before = await requests();
  const { data, response } = await client.moderations
    .create({ input: ['I water flowers.', 'I will kill the lights.'] })
    .withResponse();
  t.strictSame(
    data.results.map(({ flagged }) => flagged),
    [false, true],
  );
  t.equal(data.model, 'omni-moderation-latest');
  t.equal(response.headers.get('x-inkmeter-cost-usd'), '0.000000000');
  t.match(await lastRow(), {
    endpoint: 'moderations',
    status: 'ok',
    cost_nano_usd: 0n,
    usage_source: 'provider',
  });
  t.equal(await requests(), before + 1);

  const parts = await client.moderations.create({
    model: 'omni-moderation-2024-09-26',
    input: [
      { type: 'text', text: 'Flowers.' },
      { type: 'image_url', image_url: { url: 'https://example.com/flower.png' } },
    ],
  });
  t.equal(parts.results.length, 1);
});

t.test('given no key or another kind of model, then moderation is refused', async (t) => {
  t.equal((await call('/v1/moderations', null, { input: 'hi' })).status, 401);
  t.equal((await call('/v1/moderations', key, { input: 'hi', model: 'gpt-4o-mini' })).status, 403);
  t.equal((await call('/v1/moderations', key, { input: [] })).status, 400);
});

t.test('given unset fields and hints, then they are ignored', async (t) => {
  const vectors = await call('/v1/embeddings', key, {
    model: 'text-embedding-3-small',
    input: 'hi',
    dimensions: null,
    metadata: { a: 'b' },
    extra: null,
  });
  t.equal(vectors.status, 200, JSON.stringify(vectors.body));
  for (const more of [
    { model: null, user: null },
    { model: 'text-moderation-latest', user: 'u1' },
    { input: [{ type: 'image_url', image_url: { url: 'https://a.example/b.png', detail: 'low' } }] },
  ]) {
    const { status, body } = await call('/v1/moderations', key, { input: 'hi', ...more });
    t.equal(status, 200, JSON.stringify(body));
  }
});

t.test('given the list of models, then embedding models are among them', async (t) => {
  const { data } = await client.models.list();
  for (const { model } of MODELS)
    t.ok(
      data.some(({ id }) => id === model),
      model,
    );
});
