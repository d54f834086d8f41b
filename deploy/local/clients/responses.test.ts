/** OpenAI's SDK against `POST /v1/responses`, with the models of several providers. */
import OpenAI from 'openai';
import t from 'tap';
import { pdfOfPages, wavOfSeconds } from '#libs/simulators/vendor-tokens/fixtures.ts';
import { startInstallation } from '../installation.fixture.ts';

const { call, customer, keyOf, url, pool } = await startInstallation(t, 'default');
const buyer = await customer('pro');
const key = await keyOf(buyer);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });

const MODELS = ['gpt-4o-mini', 'claude-haiku-4-5', 'gemini-2.5-flash'];
const ASKED = { role: 'user', content: 'hi' };
const WEATHER: OpenAI.Responses.FunctionTool = {
  type: 'function',
  name: 'get_weather',
  description: 'The weather of a city.',
  strict: false,
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

const failureOf = (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(
    () => null,
    (error) => error,
  );

for (const model of MODELS) {
  t.test(`given ${model}, then a response is created, stored, continued and deleted`, async (t) => {
    const first = await client.responses.create({
      model,
      input: 'Is it sunny in Paris?',
      max_output_tokens: 300,
    });
    t.match(first, {
      object: 'response',
      status: 'completed',
      model,
      store: true,
      id: /^resp_[0-9a-f]{32}$/,
    });
    t.ok(first.output_text.length > 0);
    t.ok((first.usage?.input_tokens ?? 0) > 0);
    t.strictSame((await client.responses.retrieve(first.id)).output, first.output);

    const second = await client.responses.create({
      model,
      input: 'And in Rome?',
      previous_response_id: first.id,
    });
    t.equal(second.previous_response_id, first.id);
    t.ok((second.usage?.input_tokens ?? 0) > (first.usage?.input_tokens ?? 0));

    await client.responses.delete(first.id);
    t.ok((await failureOf(client.responses.retrieve(first.id))) instanceof OpenAI.NotFoundError);
  });

  t.test(`given ${model} and a stream, then the events form the same response`, async (t) => {
    const types: string[] = [];
    const numbers: number[] = [];
    const stream = client.responses.stream({ model, input: 'Is it sunny in Paris?' }).on('event', (event) => {
      types.push(event.type);
      numbers.push(event.sequence_number);
    });
    const response = await stream.finalResponse();
    t.strictSame(types.slice(0, 2), ['response.created', 'response.in_progress']);
    t.equal(types.at(-1), 'response.completed');
    t.strictSame(
      numbers,
      numbers.map((_, index) => index),
    );
    t.strictSame((await client.responses.retrieve(response.id)).output_text, response.output_text);
    t.ok(response.output_text.length > 0);
  });

  t.test(`given ${model} and a tool, then it is called and its result is read`, async (t) => {
    const asked = { model, tools: [WEATHER] };
    for (const first of [
      await client.responses.create({ ...asked, input: 'Use get_weather for Paris' }),
      await client.responses.stream({ ...asked, input: 'Use get_weather for Paris' }).finalResponse(),
    ]) {
      const called = (first as OpenAI.Responses.Response).output.find(
        (item) => item.type === 'function_call',
      );
      t.match(called, { name: 'get_weather', arguments: /city/, status: 'completed' });
      const result = {
        type: 'function_call_output' as const,
        call_id: called?.call_id ?? '',
        output: 'sunny',
      };
      const continued = await client.responses.create({
        ...asked,
        previous_response_id: first.id,
        input: [result],
      });
      t.match(continued.output_text, /sunny/);
      const resent = await client.responses.create({
        ...asked,
        store: false,
        input: [
          { role: 'user', content: 'Use get_weather for Paris' },
          ...first.output.map((item) => ({ type: 'item_reference' as const, id: item.id ?? '' })),
          result,
        ],
      });
      t.match(resent, { store: false, output_text: /sunny/ });
      t.ok((await failureOf(client.responses.retrieve(resent.id))) instanceof OpenAI.NotFoundError);
    }
  });

  t.test(`given ${model} and a schema, then the text is JSON`, async (t) => {
    const response = await client.responses.create({
      model,
      input: 'A city',
      text: {
        format: {
          type: 'json_schema',
          name: 'city',
          strict: true,
          schema: {
            type: 'object',
            properties: { city: { type: 'string' } },
            required: ['city'],
            additionalProperties: false,
          },
        },
      },
    });
    t.match(JSON.parse(response.output_text), { city: String });
  });
}

t.test('given a cap that cuts the answer, then the response is incomplete', async (t) => {
  const asked = { model: 'gpt-4o-mini', input: 'a [[simulate: fill]]', max_output_tokens: 16 };
  const whole = await client.responses.create(asked);
  const streamed = await client.responses.stream(asked).finalResponse();
  for (const response of [whole, streamed]) {
    t.match(response, { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
  }
});

t.test("given another account's response, then it does not exist", async (t) => {
  const { id } = await client.responses.create({ model: 'gpt-4o-mini', input: 'hi', max_output_tokens: 16 });
  const other = await keyOf(await customer('pro'));
  t.equal((await call(`/v1/responses/${id}`, other)).status, 404);
  const continued = await call('/v1/responses', other, {
    model: 'gpt-4o-mini',
    input: 'hi',
    previous_response_id: id,
  });
  t.match(continued, {
    status: 400,
    body: { error: { param: 'previous_response_id', message: new RegExp(id) } },
  });
  t.equal((await call(`/v1/responses/${id}`, null)).status, 401);
});

t.test('given fields without a cost, then they are ignored and named', async (t) => {
  const answer = await call('/v1/responses', key, {
    model: 'claude-haiku-4-5',
    input: [
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }], status: 'completed' },
    ],
    include: ['reasoning.encrypted_content'],
    truncation: 'auto',
    background: false,
    max_output_tokens: 20,
    temperature: 1.5,
    metadata: { run: 7 },
  });
  t.equal(answer.status, 200, JSON.stringify(answer.body));
  t.equal(answer.headers.get('x-inkmeter-ignored'), 'include, truncation, temperature=1');
  const searched = { type: 'web_search_call', id: 'ws_1', status: 'completed' };
  const input = [searched, { role: 'user', content: 'And now?' }];
  const next = await call('/v1/responses', key, { model: 'gpt-4o-mini', input });
  t.equal(next.headers.get('x-inkmeter-ignored'), 'input.web_search_call');
});

t.test('given fields whose cost no hold covers, then each is refused by its name', async (t) => {
  const part = (more: object) => ({ input: [{ role: 'user', content: [more] }] });
  const wav = { data: wavOfSeconds(1), format: 'wav' };
  const rows: [param: string, more: object][] = [
    ['background', { background: true }],
    ['conversation', { conversation: 'conv_1' }],
    ['service_tier', { service_tier: 'flex' }],
    ['tools.0.type', { tools: [{ type: 'web_search' }] }],
    ['input.0.type', { input: [{ type: 'computer_call', id: 'cu_1' }] }],
    ['input.0.content.0.type', part({ type: 'input_video' })],
    ['input.0.content.0.file_id', part({ type: 'input_file', file_id: 'file-1' })],
    ['input.0.content.0', part({ type: 'input_file', file_url: 'https://127.0.0.1/c.pdf' })],
    ['input.0.content.0', part({ type: 'input_file', file_data: 'data:application/pdf;base64,AA==' })],
    ['input.0.content.0', part({ type: 'input_audio', input_audio: wav })],
    [
      'input.0.content.0.input_audio.format',
      part({ type: 'input_audio', input_audio: { ...wav, format: 'flac' } }),
    ],
    ['something', { something: 1 }],
  ];
  for (const [param, more] of rows) {
    const answer = await call('/v1/responses', key, { model: 'gpt-4o-mini', input: 'hi', ...more });
    t.match(answer, { status: 400, body: { error: { param, message: new RegExp(param) } } }, param);
  }
});

t.test("given OpenAI's token counts, then they are close to what is used, and cost nothing", async (t) => {
  const input = 'Name three uses of a fountain pen.';
  const first = await client.responses.create({ model: 'gpt-4o-mini', input, max_output_tokens: 100 });
  const asked = { model: 'gpt-4o-mini', input };
  const counted = await client.responses.inputTokens.count(asked);
  t.equal(counted.object, 'response.input_tokens');
  t.ok(Math.abs(counted.input_tokens - (first.usage?.input_tokens ?? 0)) < 10);
  const next = await client.responses.inputTokens.count({ ...asked, previous_response_id: first.id });
  t.ok(next.input_tokens > 2 * counted.input_tokens, 'the whole conversation');
  const rows: [more: object, status: number, param: string | null][] = [
    [{ model: 'no-such-model' }, 404, null],
    [{ previous_response_id: 'resp_unknown' }, 400, 'previous_response_id'],
    [{ background: true }, 400, 'background'],
  ];
  for (const [more, status, param] of rows) {
    const answer = await call('/v1/responses/input_tokens', key, { ...asked, ...more });
    t.match(answer, { status, body: { error: { param } } }, JSON.stringify(more));
  }
  t.equal((await call('/v1/responses/input_tokens', null, asked)).status, 401);
});

t.test('given a PDF document and a recording, then they are read, also in the next turn', async (t) => {
  const file_data = `data:application/pdf;base64,${pdfOfPages(2)}`;
  const content: OpenAI.Responses.ResponseInputContent[] = [
    { type: 'input_text', text: 'Summarise.' },
    { type: 'input_file', filename: 'a.pdf', file_data },
  ];
  for (const model of MODELS) {
    const asked = { model, max_output_tokens: 300 };
    const first = await client.responses.create({ ...asked, input: [{ role: 'user', content }] });
    t.equal(first.status, 'completed', model);
    const next = { previous_response_id: first.id, input: 'And in one word?' };
    t.equal((await client.responses.create({ ...asked, ...next })).status, 'completed', model);
  }
  const recording = { type: 'input_audio', input_audio: { data: wavOfSeconds(1), format: 'wav' } };
  const heard = { model: 'gemini-2.5-flash', input: [{ role: 'user', content: [...content, recording] }] };
  t.equal((await call('/v1/responses', key, heard)).status, 200);
});

t.test('given a custom tool, then any model calls it with a text, and reads what it returned', async (t) => {
  const shout: OpenAI.Responses.CustomTool = {
    type: 'custom',
    name: 'shout',
    description: 'Says it loudly.',
  };
  for (const model of MODELS) {
    const asked = { model, tools: [shout], max_output_tokens: 400, store: false };
    const question = 'Use shout for Paris';
    const whole = await client.responses.create({ ...asked, input: question });
    const streamed = client.responses.stream({ ...asked, input: question });
    const types = new Set<string>();
    for await (const { type } of streamed) types.add(type);
    t.ok(types.has('response.custom_tool_call_input.done'), model);
    for (const first of [whole, await streamed.finalResponse()]) {
      const call = first.output.find(({ type }) => type === 'custom_tool_call');
      t.match(call, { id: /^ctc_/, name: 'shout', input: /^[^{]+$/ }, model);
      if (call?.type !== 'custom_tool_call') continue;
      const second = await client.responses.create({
        ...asked,
        input: [
          { role: 'user', content: question },
          call,
          { type: 'custom_tool_call_output', call_id: call.call_id, output: 'LOUD' },
        ],
      });
      t.match(second.output_text, /LOUD/, model);
    }
  }
  const format = { type: 'grammar', syntax: 'lark', definition: 'start: "a"' };
  const refused = await call('/v1/responses', key, {
    model: 'gpt-4o-mini',
    input: 'hi',
    tools: [{ ...shout, format }],
  });
  t.match(refused, { status: 400, body: { error: { param: 'tools.0.format', message: /any text/ } } });
});

t.test('given failures, then they have their status, in a stream too', async (t) => {
  const unknown = await failureOf(client.responses.create({ model: 'gpt-0', input: 'hi' }));
  t.ok(unknown instanceof OpenAI.NotFoundError);
  const invalid = await failureOf(client.responses.create({ model: 'gpt-4o-mini', input: 7 as never }));
  t.ok(invalid instanceof OpenAI.BadRequestError);
  const stream = await client.responses.create({
    model: 'gpt-4o-mini',
    input: '[[simulate: cut=2]] hi',
    stream: true,
  });
  const read = async () => {
    for await (const _ of stream);
  };
  t.ok((await failureOf(read())) instanceof OpenAI.APIError);
});

t.test('given a stream that fails, then its last event says so in the form that Codex reads', async (t) => {
  const stream = await client.responses
    .create({ model: 'gpt-4o-mini', input: '[[simulate: cut=2]] hi', stream: true })
    .asResponse();
  const events = (await stream.text())
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice('data: '.length)));
  t.match(events.at(-2), { type: 'error', code: String, message: String });
  t.match(events.at(-1), {
    type: 'response.failed',
    sequence_number: events.length - 1,
    response: { status: 'failed', error: { code: String, message: String } },
  });
});

t.test('given a conversation, then the SDK lists its input in pages', async (t) => {
  const first = await client.responses.create({
    model: 'gpt-4o-mini',
    instructions: 'Be brief.',
    input: 'One',
  });
  const second = await client.responses.create({
    model: 'gpt-4o-mini',
    previous_response_id: first.id,
    input: [{ role: 'user', content: [{ type: 'input_text', text: 'Two' }] }],
  });
  const items: OpenAI.Responses.ResponseItem[] = [];
  for await (const item of client.responses.inputItems.list(second.id, { limit: 1, order: 'asc' }))
    items.push(item);
  t.match(items, [
    { role: 'user', content: [{ type: 'input_text', text: 'One' }] },
    { id: first.output[0]?.id, role: 'assistant' },
    { role: 'user', content: [{ text: 'Two' }] },
  ]);
  t.equal(new Set(items.map(({ id }) => id)).size, 3);
  const newest = await client.responses.inputItems.list(second.id, { limit: 1 });
  t.match(newest, { data: [{ content: [{ text: 'Two' }] }], has_more: true });
  const missing = await failureOf(client.responses.inputItems.list('resp_0'));
  t.ok(missing instanceof OpenAI.NotFoundError);
});

t.test('given a choice of several tools, then only those are called', async (t) => {
  const time = { ...WEATHER, name: 'get_time' };
  const { output } = await client.responses.create({
    model: 'claude-haiku-4-5',
    input: 'Use a tool',
    tools: [WEATHER, time],
    tool_choice: { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'get_time' }] },
  });
  t.match(output, [{ type: 'function_call', name: 'get_time' }]);
});

t.test('given cache marks, then Claude stores the prompt, wherever they stand', async (t) => {
  const text = 'Words that are worth storing. '.repeat(900);
  const cache_control = { type: 'ephemeral' };
  const rows: object[] = [
    {
      input: [
        { role: 'developer', content: [{ type: 'input_text', text: `a${text}`, cache_control }] },
        ASKED,
      ],
    },
    { input: [{ role: 'user', content: `b${text}`, cache_control }] },
    { input: `c${text}`, cache_control },
    { input: [ASKED], tools: [{ type: 'function', name: 'f', description: `d${text}`, cache_control }] },
  ];
  for (const row of rows) {
    for (const read of [false, true]) {
      const { body } = await call('/v1/responses', key, {
        model: 'claude-haiku-4-5',
        max_output_tokens: 16,
        ...row,
      });
      const { cached_tokens: cached, cache_write_tokens: written = 0 } = body.usage.input_tokens_details;
      t.ok((read ? cached : written) > 1024, JSON.stringify(row).slice(0, 60));
    }
  }
});

t.test('given every call, then nothing was charged above its hold', async (t) => {
  const { rows } = await pool.query<{ overrun: boolean }>('SELECT overrun FROM usage_events');
  t.ok(rows.length > 20);
  t.notOk(rows.some(({ overrun }) => overrun));
});

t.test(
  'given functions in a namespace, as Codex sends them, then they are called by their names',
  async (t) => {
    const asked = {
      model: 'gpt-4o-mini',
      tools: [
        {
          type: 'namespace',
          name: 'weather',
          description: 'About the sky.',
          tools: [{ type: 'function', name: 'get', parameters: { type: 'object', properties: {} } }],
        },
        { type: 'web_search', external_web_access: false },
      ],
    };
    const question = { role: 'user', content: 'Use weather__get' };
    const first = await call('/v1/responses', key, { ...asked, input: [question] });
    t.equal(first.status, 200);
    t.equal(first.headers.get('x-inkmeter-ignored'), 'tools.web_search');
    const [called] = first.body.output;
    t.match(called, { type: 'function_call', name: 'get', namespace: 'weather' });
    const result = { type: 'function_call_output', call_id: called.call_id, output: 'sunny' };
    const second = await call('/v1/responses', key, { ...asked, input: [question, called, result] });
    t.match(second.body.output.at(-1).content[0].text, /sunny/);
    const search = await call('/v1/responses', key, {
      ...asked,
      tools: [{ type: 'web_search' }],
      input: 'hi',
    });
    t.match(search, { status: 400, body: { error: { param: 'tools.0.type' } } });
  },
);
