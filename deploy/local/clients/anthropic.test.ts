/** Anthropic's SDK against `POST /v1/messages`, with the models of several providers. */
import Anthropic from '@anthropic-ai/sdk';
import t from 'tap';
import { pdfOfPages } from '#libs/simulators/vendor-tokens/fixtures.ts';
import { startInstallation } from '../installation.fixture.ts';

const { call, customer, keyOf, url, pool } = await startInstallation(t, 'default');
const buyer = await customer('pro');
const key = await keyOf(buyer);
const client = new Anthropic({ baseURL: url, apiKey: key, authToken: null, maxRetries: 0 });

const MODELS = ['claude-haiku-4-5', 'gpt-4o-mini', 'gemini-2.5-flash'];
const PIXEL = 'iVBORw0KGgo=';
const WEATHER: Anthropic.Tool = {
  name: 'get_weather',
  description: 'The weather of a city.',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

async function heldTokensOf({ headers }: Response): Promise<number> {
  const { rows } = await pool.query(
    `SELECT asked[array_position(meters, 'tokens.total')]::int AS tokens FROM ledger_decisions WHERE id = $1`,
    [headers.get('x-request-id')],
  );
  return rows[0].tokens;
}

for (const model of MODELS) {
  t.test(`given ${model}, then a message is created`, async (t) => {
    const message = await client.messages.create({
      model,
      max_tokens: 60,
      system: 'Be brief.',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Is it sunny in Paris?' }] }],
    });
    t.match(message, { type: 'message', role: 'assistant', model, stop_reason: String });
    t.match(message.id, /^msg_/);
    t.match(message.content.at(-1), { type: 'text' });
    t.ok(message.usage.input_tokens > 0);
    t.ok(message.usage.output_tokens > 0);
  });

  t.test(`given ${model} and a stream, then the events form the same message`, async (t) => {
    const events: string[] = [];
    const stream = client.messages
      .stream({ model, max_tokens: 60, messages: [{ role: 'user', content: 'Is it sunny in Paris?' }] })
      .on('streamEvent', ({ type }) => events.push(type));
    const message = await stream.finalMessage();
    t.equal(events[0], 'message_start');
    t.strictSame(events.slice(-3), ['content_block_stop', 'message_delta', 'message_stop']);
    t.match(message.content.at(-1), { type: 'text' });
    t.ok(message.usage.input_tokens > 0);
    t.ok(message.usage.output_tokens > 0);
  });

  t.test(`given ${model} and a tool, then it is called and its result is read`, async (t) => {
    const question: Anthropic.MessageParam = { role: 'user', content: 'Use get_weather for Paris' };
    const asked = { model, max_tokens: 200, tools: [WEATHER] };
    for (const first of [
      await client.messages.create({ ...asked, messages: [question] }),
      await client.messages.stream({ ...asked, messages: [question] }).finalMessage(),
    ]) {
      t.equal(first.stop_reason, 'tool_use');
      const use = first.content.find((block) => block.type === 'tool_use');
      t.match(use, { name: 'get_weather', input: { city: String } });
      const second = await client.messages.create({
        ...asked,
        messages: [
          question,
          { role: 'assistant', content: first.content },
          {
            role: 'user',
            content: [
              { type: 'tool_result', tool_use_id: use?.id ?? '', content: [{ type: 'text', text: 'sunny' }] },
            ],
          },
        ],
      });
      t.match(second.content.at(-1), { type: 'text', text: /sunny/ });
    }
  });
}

t.test('given thinking and tools, then the signed thought is returned and can be sent back', async (t) => {
  const asked = {
    model: 'claude-haiku-4-5',
    max_tokens: 2000,
    tools: [WEATHER],
    thinking: { type: 'enabled' as const, budget_tokens: 1024 },
  };
  const question: Anthropic.MessageParam = { role: 'user', content: 'Use get_weather for Paris' };
  const streamed = await client.messages.stream({ ...asked, messages: [question] }).finalMessage();
  const whole = await client.messages.create({ ...asked, messages: [question] });
  for (const first of [streamed, whole]) {
    t.match(first.content[0], { type: 'thinking', signature: 'c2ltdWxhdG9y' });
    const use = first.content.find((block) => block.type === 'tool_use');
    const second = await client.messages.create({
      ...asked,
      messages: [
        question,
        { role: 'assistant', content: first.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: use?.id ?? '', content: 'sunny' }] },
      ],
    });
    t.match(second.content.at(-1), { type: 'text', text: /sunny/ });
  }
});

t.test(
  'given a PDF document, then it is read by any model that can, and held as the context window',
  async (t) => {
    const document: Anthropic.DocumentBlockParam = {
      type: 'document',
      source: { type: 'base64', media_type: 'application/pdf', data: pdfOfPages(3) },
      title: 'Report',
    };
    const asked = (model: string, block: Anthropic.ContentBlockParam) => ({
      model,
      max_tokens: 30,
      messages: [{ role: 'user' as const, content: [block, { type: 'text' as const, text: 'Summarise.' }] }],
    });
    const rows: [model: string, heldTokens: number][] = [
      ['claude-haiku-4-5', 200_030],
      ['gpt-4o-mini', 128_030],
      ['gemini-2.5-flash', 258_000],
    ];
    for (const [model, heldTokens] of rows) {
      const { data, response } = await client.messages.create(asked(model, document)).withResponse();
      t.match(data.content.at(-1), { type: 'text' }, model);
      const held = await heldTokensOf(response);
      t.ok(held >= heldTokens && held < heldTokens + 1_000, `${model}: ${held}`);
    }
    const { input_tokens: counted } = await client.messages.countTokens({
      model: 'claude-haiku-4-5',
      messages: asked('', document).messages,
    });
    t.ok(counted > 3 * 2_300 && counted < 4 * 2_300, `3 pages are estimated as ${counted}`);

    const result = {
      type: 'tool_result' as const,
      tool_use_id: 'toolu_1',
      content: [document],
    };
    const use = { type: 'tool_use' as const, id: 'toolu_1', name: 'read', input: {} };
    for (const [model] of rows) {
      const { content } = await client.messages.create({
        ...asked(model, result),
        tools: [{ ...WEATHER, name: 'read' }],
        messages: [
          { role: 'user', content: 'Read it.' },
          { role: 'assistant', content: [use] },
          { role: 'user', content: [result] },
        ],
      });
      t.ok(content.length > 0, `${model} reads documents of tools`);
    }

    const url: Anthropic.DocumentBlockParam = {
      type: 'document',
      source: { type: 'url', url: 'https://127.0.0.1/c.pdf' },
    };
    const noPdf: Anthropic.DocumentBlockParam = {
      type: 'document',
      source: { type: 'base64', media_type: 'application/pdf', data: PIXEL },
    };
    const refused: [string, Anthropic.DocumentBlockParam, RegExp][] = [
      [
        'gpt-3.5-turbo',
        document,
        /messages\.0\.content\.0: the model gpt-3\.5-turbo does not read PDF documents/,
      ],
      ['claude-haiku-4-5', url, /URL of messages\.0\.content\.0 cannot be read.* not on the public internet/],
      ['claude-haiku-4-5', noPdf, /messages\.0\.content\.0 must be a PDF document/],
    ];
    for (const [model, block, message] of refused) {
      await t.rejects(client.messages.create(asked(model, block)), { status: 400, message }, String(message));
    }
  },
);

t.test(
  'given 600 KB of English, then a model with 200,000 tokens reads it, and is held as its window',
  async (t) => {
    const words = 'The quick brown fox jumps over the lazy dog and reads on. '.repeat(10_500);
    const prompt = (text: string) => ({
      model: 'claude-haiku-4-5',
      max_tokens: 30,
      messages: [{ role: 'user' as const, content: text }],
    });
    const { data, response } = await client.messages.create(prompt(words)).withResponse();
    t.match(data.content.at(-1), { type: 'text' });
    t.ok(data.usage.input_tokens > 100_000, `it has ${data.usage.input_tokens} tokens`);
    t.equal(await heldTokensOf(response), 200_030);

    // The vendor counts more tokens than its window has: it refuses, and nothing is charged.
    const dense = prompt(`[[simulate: usage=max]]${words}`);
    const refused = await client.messages.create(dense).catch((error: unknown) => error);
    t.match(refused, { status: 400, message: /too long/ });
    const { rows: charged } = await pool.query(
      `SELECT sum(cost_nano_usd)::int AS cost FROM usage_events WHERE hold_id = $1`,
      [(refused as InstanceType<typeof Anthropic.APIError>).headers?.get('x-request-id')],
    );
    t.match(charged, [{ cost: 0 }]);

    // Hardly any tokenizer makes 1.8 MB fit: refused before anything is held.
    const hopeless = client.messages.create(prompt(words.repeat(3)));
    await t.rejects(hopeless, { status: 400, message: /context window/ });
  },
);

t.test('given cache marks, then a prompt is written and read, and both are priced', async (t) => {
  const system = 'Words that are worth storing. '.repeat(900);
  const asked = (ttl: '5m' | '1h') => ({
    model: 'claude-haiku-4-5',
    max_tokens: 20,
    system: [
      { type: 'text' as const, text: ttl + system, cache_control: { type: 'ephemeral' as const, ttl } },
    ],
    messages: [{ role: 'user' as const, content: 'hi' }],
  });
  for (const ttl of ['5m', '1h'] as const) {
    const { data: first, response } = await client.messages.create(asked(ttl)).withResponse();
    const written = first.usage.cache_creation_input_tokens ?? 0;
    t.ok(written > 1024);
    t.equal(first.usage.cache_creation?.ephemeral_1h_input_tokens, ttl === '1h' ? written : 0);
    // USD per million tokens: input 1, written for five minutes 1.25, for an hour 2, output 5
    const nanoUsd =
      first.usage.input_tokens * 1000 +
      written * (ttl === '1h' ? 2000 : 1250) +
      first.usage.output_tokens * 5000;
    t.equal(response.headers.get('x-inkmeter-cost-usd'), (nanoUsd / 1e9).toFixed(9));

    const second = await client.messages.create(asked(ttl));
    t.equal(second.usage.cache_read_input_tokens, written);
    t.equal(second.usage.cache_creation_input_tokens, 0);
  }
  const { rows } = await pool.query<{ overrun: boolean }>('SELECT overrun FROM usage_events');
  t.notOk(rows.some(({ overrun }) => overrun));
});

t.test('given fields without a cost, then they are ignored and named', async (t) => {
  const { response } = await client.messages
    .create({
      model: 'gpt-4o-mini',
      max_tokens: 20,
      metadata: { user_id: 'u1' },
      messages: [
        {
          role: 'user',
          content: [{ type: 'text', text: 'hi', cache_control: { type: 'ephemeral' } }],
        },
      ],
      ...({ top_k: 5, context_management: { edits: [] } } as object),
    })
    .withResponse();
  t.equal(response.headers.get('x-inkmeter-ignored'), 'context_management, top_k, cache_control');
});

t.test('given blocks that only Anthropic has, then any model reads their text', async (t) => {
  const content = [
    {
      type: 'search_result' as const,
      source: 'https://pens.example/1',
      title: 'Pens',
      content: [{ type: 'text' as const, text: 'Ink is wet.' }],
      citations: { enabled: true },
    },
    {
      type: 'document' as const,
      title: 'Notes',
      context: 'From a lab',
      source: { type: 'content' as const, content: [{ type: 'text' as const, text: 'Water is wet.' }] },
    },
  ];
  for (const model of ['claude-haiku-4-5', 'gpt-4o-mini']) {
    const { data, response } = await client.messages
      .create({ model, max_tokens: 20, messages: [{ role: 'user', content }] })
      .withResponse();
    t.equal(response.headers.get('x-inkmeter-ignored'), 'citations', model);
    t.ok(data.usage.input_tokens > 10, model);
  }
});

t.test(
  'given null fields, many stop sequences and long names of tools, then Claude takes them',
  async (t) => {
    const answer = await call('/v1/messages?beta=true', key, {
      model: 'claude-haiku-4-5',
      max_tokens: 20,
      messages: [{ role: 'user', content: 'hi' }],
      system: [
        { type: 'text', text: 'be', cache_control: { type: 'ephemeral', ttl: '1h', scope: 'global' } },
      ],
      tools: [{ name: `mcp__${'x'.repeat(90)}`, input_schema: { type: 'object' } }],
      stop_sequences: ['a.', 'b.', 'c.', 'd.', 'e.', 'f.'],
      mcp_servers: [],
      container: null,
      output_format: null,
      top_k: 0,
    });
    t.equal(answer.status, 200, JSON.stringify(answer.body));
  },
);

t.test('given the list of models, then the SDK reads its pages', async (t) => {
  const models = await client.models.list();
  t.match(models.data[0], { type: 'model', id: String, display_name: String, created_at: String });
  t.equal(models.hasNextPage(), false);
  t.match(await client.models.retrieve('claude-haiku-4-5'), { id: 'claude-haiku-4-5', type: 'model' });
});

t.test('given fields whose cost no hold covers, then each is refused by its name', async (t) => {
  const rows: [param: string, more: object][] = [
    ['container', { container: 'c' }],
    ['mcp_servers', { mcp_servers: [{}] }],
    ['service_tier', { service_tier: 'priority' }],
    ['inference_geo', { inference_geo: 'us' }],
    ['speed', { speed: 'fast' }],
    ['tools.0.type', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }],
    [
      'messages.0.content.0.source.media_type',
      {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'document', source: { type: 'base64', media_type: 'application/msword', data: 'x' } },
            ],
          },
        ],
      },
    ],
  ];
  for (const [param, more] of rows) {
    const body = {
      model: 'claude-haiku-4-5',
      max_tokens: 5,
      messages: [{ role: 'user', content: 'hi' }],
      ...more,
    };
    const answer = await call('/v1/messages', key, body);
    t.match(
      answer,
      {
        status: 400,
        body: { type: 'error', error: { type: 'invalid_request_error', param, message: new RegExp(param) } },
      },
      param,
    );
  }
});

t.test("given failures, then the SDK throws the vendor's classes", async (t) => {
  const asked = {
    model: 'claude-haiku-4-5',
    max_tokens: 5,
    messages: [{ role: 'user' as const, content: 'hi' }],
  };
  const unknown = new Anthropic({ baseURL: url, apiKey: 'ik_live_unknown', authToken: null, maxRetries: 0 });
  await t.rejects(unknown.messages.create(asked), Anthropic.AuthenticationError);
  await t.rejects(client.messages.create({ ...asked, model: 'claude-0' }), Anthropic.NotFoundError);
  await t.rejects(client.messages.create({ ...asked, max_tokens: 0 }), Anthropic.BadRequestError);
  const malformed = { ...asked, messages: [{ role: 'user', content: '[[simulate: malformed]]' }] };
  const broken = await call('/v1/messages', key, malformed);
  t.match(broken, {
    status: 502,
    body: { error: { type: 'api_error', problem_code: 'provider_malformed' } },
  });
  const unauthenticated = await call('/v1/messages', null, asked);
  t.match(unauthenticated, { status: 401, body: { type: 'error', error: { type: 'authentication_error' } } });
});

t.test('given a request repeated with its key, then it is served once', async (t) => {
  const body = { model: 'gpt-4o-mini', max_tokens: 20, messages: [{ role: 'user', content: 'once' }] };
  const headers = { 'idempotency-key': 'messages-1' };
  const first = await call('/v1/messages', key, body, headers);
  const second = await call('/v1/messages', key, body, headers);
  t.equal(first.body.type, 'message');
  t.strictSame(second.body, first.body);
  t.equal(second.headers.get('idempotent-replayed'), 'true');
});

t.test('given a prompt, then its tokens are estimated for nothing', async (t) => {
  const { input_tokens: tokens } = await client.messages.countTokens({
    model: 'gpt-4o-mini',
    system: 'Be brief.',
    messages: [{ role: 'user', content: 'Is it sunny in Paris?' }],
    tools: [WEATHER],
  });
  t.ok(tokens > 20 && tokens < 120, String(tokens));
  t.match(await call('/v1/messages/count_tokens', key, {}), { status: 400, body: { type: 'error' } });
});
