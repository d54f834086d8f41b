/** OpenAI's SDK against its legacy completions and its images. */
import OpenAI from 'openai';
import t from 'tap';
import { startInstallation } from '../installation.fixture.ts';

const { call, customer, keyOf, url, pool } = await startInstallation(t, 'default');
const buyer = await customer('pro');
const key = await keyOf(buyer);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });

for (const model of ['gpt-4o-mini', 'claude-haiku-4-5', 'gemini-2.5-flash']) {
  t.test(`given ${model}, then a text is completed, whole and streamed`, async (t) => {
    const asked = { model, prompt: 'Is it sunny in Paris?', max_tokens: 400 };
    const { data: whole, response } = await client.completions.create(asked).withResponse();
    t.match(whole, { id: /^cmpl-/, object: 'text_completion', model });
    t.match(whole.choices, [{ text: /\w/, finish_reason: 'stop', logprobs: null, index: 0 }]);
    t.ok((whole.usage?.completion_tokens ?? 0) > 0);
    t.ok(Number(response.headers.get('x-inkmeter-cost-usd')) > 0);
    const stream = await client.completions.create({
      ...asked,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let usage: OpenAI.CompletionUsage | undefined;
    const reasons: string[] = [];
    for await (const chunk of stream) {
      text += chunk.choices[0]?.text ?? '';
      const reason = chunk.choices[0]?.finish_reason;
      if (reason) reasons.push(reason);
      usage = chunk.usage ?? usage;
    }
    t.equal(text, whole.choices[0]?.text);
    t.strictSame(reasons, ['stop']);
    t.equal(usage?.completion_tokens, whole.usage?.completion_tokens);
  });
}

t.test('given no cap, then 16 tokens are held and written', async (t) => {
  const { choices, usage } = await client.completions.create({
    model: 'gpt-4o-mini',
    prompt: ['Write a lot'],
  });
  t.equal(choices[0]?.finish_reason, 'length');
  t.equal(usage?.completion_tokens, 16);
});

t.test('given unset parameters and those without an effect, then they are ignored', async (t) => {
  const answer = await call('/v1/completions', key, {
    model: 'gpt-3.5-turbo',
    prompt: 'hi',
    suffix: null,
    echo: false,
    best_of: 1,
    logprobs: null,
    user: null,
    store: false,
    metadata: { a: 'b' },
    stream: true,
    stream_options: { include_usage: true, extra: 1 },
  });
  t.equal(answer.status, 200);
});

t.test('given what a chat cannot express, then it is refused by its name', async (t) => {
  const rows: [param: string, body: object, status: number][] = [
    ['suffix', { suffix: 'end' }, 400],
    ['echo', { echo: true }, 400],
    ['best_of', { best_of: 3 }, 400],
    ['logprobs', { logprobs: 2 }, 400],
    ['prompt', { prompt: ['a', 'b'] }, 400],
    ['prompt', { prompt: [1, 2] }, 400],
    ['prompt', { prompt: '' }, 400],
  ];
  for (const [param, more, status] of rows) {
    const body = { model: 'gpt-4o-mini', prompt: 'hi', ...more };
    const answer = await call('/v1/completions', key, body);
    t.equal(answer.status, status, param);
    t.match(answer.body.error, { param, message: new RegExp(param) });
  }
  const neutral = { suffix: null, echo: false, best_of: 1, logprobs: null, user: null };
  const answer = await call('/v1/completions', key, { model: 'gpt-4o-mini', prompt: 'hi', ...neutral });
  t.equal(answer.status, 200);
  t.equal((await call('/v1/completions', null, { model: 'gpt-4o-mini', prompt: 'hi' })).status, 401);
});

t.test('given an error in the middle of a stream, then the SDK throws it', async (t) => {
  const prompt = 'hi [[simulate: cut=4]]';
  const stream = await client.completions.create({
    model: 'gpt-4o-mini',
    prompt,
    stream: true,
    max_tokens: 99,
  });
  await t.rejects(async () => {
    for await (const _ of stream);
  });
});

const images = async () => {
  const { rows } = await pool.query(
    `SELECT coalesce(sum(used), 0)::int AS used FROM ledger_counters WHERE account_id = $1 AND meter = 'images'`,
    [buyer.accountId],
  );
  return rows[0].used;
};

t.test('given a prompt, then an image is drawn, in Base64 or as a URL', async (t) => {
  const before = await images();
  const prompt = `A fountain pen, ${'in morning light, '.repeat(200)}on a letter`;
  const { data: drawn, response } = await client.images
    .generate({ model: 'dall-e-3', prompt, size: '1024x1024', quality: 'hd' })
    .withResponse();
  t.match(drawn.data, [{ b64_json: /^iVBOR/ }]);
  t.match(response.headers.get('content-type'), 'application/json');
  // two steps of 4 cents: HD and square
  t.equal(response.headers.get('x-inkmeter-cost-usd'), '0.080000000');
  const wide = await client.images.generate({
    model: 'dall-e-3',
    prompt: 'A pen',
    size: '1792x1024',
    quality: 'hd',
    response_format: 'url',
    style: 'vivid',
    user: 'u1',
  });
  t.match(wide.data, [{ url: /\/api\/media\/[^/]+\/content\?expires=\d+&signature=[0-9a-f]{64}$/ }]);
  t.notOk(wide.data?.[0]?.b64_json, 'an image is not sent twice');
  const { pathname, search } = new URL(wide.data?.[0]?.url ?? '');
  const file = await fetch(`${url}${pathname}${search}`);
  t.match([file.status, file.headers.get('content-type')], [200, 'image/png']);
  t.match(
    Buffer.from(await file.arrayBuffer())
      .subarray(1, 4)
      .toString(),
    'PNG',
  );
  t.equal(await images(), before + 2);
});

t.test('given no model, then the best of the plan draws', async (t) => {
  const small = await customer('free');
  const { body, status } = await call('/v1/images/generations', await keyOf(small), { prompt: 'A pen' });
  t.equal(status, 200);
  t.match(body, { created: Number, data: [{ b64_json: /^\S+$/ }] });
});

t.test('given a quality above that of the plan, then it is refused', async (t) => {
  const { status, body } = await call('/v1/images/generations', await keyOf(await customer('basic')), {
    prompt: 'A pen',
    quality: 'hd',
    model: 'stable_image',
  });
  t.equal(status, 400, 'the model has no qualities');
  t.match(body.error, { param: 'quality', message: /chooses the quality itself/ });
});

t.test('given sizes, batches and models, then the plan decides', async (t) => {
  const small = await keyOf(await customer('free'));
  const rows: [credential: string | null, more: object, status: number, code: string][] = [
    [null, {}, 401, 'unauthenticated'],
    [small, { n: 2 }, 403, 'feature_not_in_plan'],
    [small, { size: '1024x1792' }, 403, 'feature_not_in_plan'],
    [small, { model: 'dall-e-3' }, 403, 'model_not_in_plan'],
    [key, { model: 'dall-e-3', size: '512x512' }, 400, 'unsupported_parameter'],
    [key, { model: 'gpt-4o-mini' }, 403, 'model_not_in_plan'],
    [small, { stream: true }, 403, 'feature_not_in_plan'],
    [key, { stream: true, partial_images: 1, model: 'dall-e-3' }, 400, 'unsupported_parameter'],
    [key, { stream: true, partial_images: 4 }, 400, 'invalid_request'],
    [key, { partial_images: 1 }, 400, 'invalid_request'],
    [key, { output_format: 'webp' }, 400, 'unsupported_parameter'],
    [key, { background: 'transparent' }, 400, 'unsupported_parameter'],
    [key, { prompt: '' }, 400, 'invalid_request'],
    [key, { n: 9 }, 400, 'invalid_request'],
    [key, { size: 'huge' }, 400, 'invalid_request'],
    [key, { response_format: 'webp' }, 400, 'invalid_request'],
    [key, { n: 0 }, 400, 'invalid_request'],
    [key, { n: 1.5 }, 400, 'invalid_request'],
    [key, { prompt: undefined }, 400, 'invalid_request'],
    [key, { style: 'natural' }, 400, 'unsupported_parameter'],
    [key, { prompt: 'A pen [[simulate: moderated]]', model: 'dall-e-3' }, 422, 'provider_refused'],
  ];
  for (const [credential, more, status, code] of rows) {
    const answer = await call('/v1/images/generations', credential, { prompt: 'A pen', ...more });
    t.equal(answer.status, status, JSON.stringify({ more, answer: answer.body }));
    t.equal(answer.body.error?.problem_code, code, JSON.stringify(more));
  }
});

t.test('given several images, then each is drawn, charged and returned', async (t) => {
  const before = await images();
  const { data, response } = await client.images
    .generate({
      model: 'dall-e-3',
      prompt: 'A pen',
      n: 2,
      size: '1024x1024',
      quality: 'standard',
      response_format: 'url',
    })
    .withResponse();
  t.equal(data.data?.length, 2);
  t.equal(new Set(data.data?.map((image) => image.url)).size, 2);
  t.equal(response.headers.get('x-inkmeter-cost-usd'), '0.080000000');
  t.equal(await images(), before + 2);
});

t.test('given a request that is repeated, then its image is drawn once', async (t) => {
  const before = await images();
  const body = { model: 'dall-e-3', prompt: 'Only once' };
  const headers = { 'idempotency-key': 'image-1' };
  const first = await call('/v1/images/generations', key, body, headers);
  const second = await call('/v1/images/generations', key, body, headers);
  t.equal(second.status, 200);
  t.strictSame(second.body, first.body);
  t.match(second.headers.get('content-type'), 'application/json');
  t.equal(await images(), before + 1);
});
