/** What real clients send: the OpenAI SDK's helpers, LangChain's messages, Azure's header, and HTTP's smaller liberties. */
import { gzipSync } from 'node:zlib';
import OpenAI from 'openai';
import OpenAI4 from 'openai4';
import t from 'tap';
import { pdfOfPages, wavOfSeconds } from '#libs/simulators/vendor-tokens/fixtures.ts';
import { serveFiles } from './files.fixture.ts';
import { type Answer, startInstallation } from './installation.fixture.ts';

const files = await serveFiles(t);
const { call, customer, keyOf, url } = await startInstallation(t, 'default', {}, files.access);
const buyer = await customer('pro');
const key = await keyOf(buyer);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });

const CHAT = '/v1/chat/completions';
const MODELS = ['gpt-4o-mini', 'claude-haiku-4-5', 'gemini-2.5-flash'];
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const user = { role: 'user' as const, content: 'Is it sunny in Paris?' };
const asked = (model: string) => ({ model, max_tokens: 20, messages: [user] });

t.test('given an agent that names its tool messages, then every provider serves it', async (t) => {
  const toolCall = { id: 'c1', type: 'function', function: { name: 'get_weather', arguments: '{}' } };
  const tools = [{ type: 'function', function: { name: 'get_weather', description: null, parameters: {} } }];
  for (const model of MODELS) {
    const answer = await call(CHAT, key, {
      ...asked(model),
      tools,
      messages: [
        user,
        { role: 'assistant', content: null, tool_calls: [toolCall], parsed: null },
        { role: 'tool', tool_call_id: 'c1', name: 'get_weather', content: 'sunny' },
      ],
    });
    t.equal(answer.status, 200, `${model}: ${JSON.stringify(answer.body)}`);
  }
});

t.test("given the OpenAI SDK's runTools and final messages sent back, then they work", async (t) => {
  const [model = ''] = MODELS;
  const first = await client.chat.completions.stream(asked(model)).finalMessage();
  const next = await client.chat.completions.create({
    model,
    messages: [user, first, { role: 'user', content: 'go on' }],
  });
  t.ok(next.choices[0]?.message.content);
});

t.test('given parameters that are unset or without effect, then they are ignored', async (t) => {
  for (const more of [
    { store: true },
    { modalities: ['text'] },
    { tools: null, tool_choice: null, response_format: null, prediction: null, service_tier: null },
    { reasoning_effort: 'xhigh' },
    { prompt_cache_retention: '24h' },
    { metadata: { run: 7 }, store: true },
    { tools: [], tool_choice: 'auto', parallel_tool_calls: false },
    { stream_options: { include_usage: null } },
    { response_format: { type: 'text', extra: null } },
    { reasoning: { effort: 'low' }, include_reasoning: true },
    { functions: [], function_call: null },
  ]) {
    const answer = await call(CHAT, key, { ...asked('gpt-4o-mini'), ...more });
    t.equal(answer.status, 200, `${JSON.stringify(more)}: ${JSON.stringify(answer.body)}`);
  }
});

t.test('given hints of other proxies, then they are left out, and named', async (t) => {
  const hints = { provider: { sort: 'price' }, min_p: 0.1, models: [], plugins: [] };
  const answer = await call(CHAT, key, { ...asked('claude-haiku-4-5'), ...hints, seed: 1 });
  t.equal(answer.status, 200);
  t.equal(answer.headers.get('x-inkmeter-ignored'), 'provider, min_p, seed');
});

t.test('given parameters that could cost more than is held, then each is refused by name', async (t) => {
  for (const [name, value] of Object.entries({
    web_search_options: {},
    prediction: { type: 'content', content: 'x' },
    service_tier: 'priority',
  })) {
    const answer = await call(CHAT, key, { ...asked('gpt-4o-mini'), [name]: value });
    t.match(answer, { status: 400, body: { error: { param: name, message: new RegExp(name) } } });
  }
});

t.test('given a choice of several tools, then only those are called', async (t) => {
  const functionOf = (name: string) => ({ type: 'function' as const, function: { name, parameters: {} } });
  for (const model of MODELS) {
    const answer = await client.chat.completions.create({
      model,
      max_tokens: 400,
      tools: [functionOf('get_weather'), functionOf('get_time')],
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: { mode: 'required', tools: [functionOf('get_time')] },
      },
      messages: [user],
    });
    t.match(answer.choices[0]?.message.tool_calls, [{ function: { name: 'get_time' } }], model);
  }
});

t.test('given legacy functions, then openai 4 calls them, reads their results, and streams', async (t) => {
  const legacy = new OpenAI4({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  for (const model of MODELS) {
    const seen: unknown[] = [];
    const asked = {
      model,
      messages: [{ role: 'user' as const, content: 'Use get_weather for Paris' }],
      functions: [
        {
          name: 'get_weather',
          description: 'The weather.',
          parameters: { type: 'object', properties: { city: { type: 'string' } } },
          parse: JSON.parse,
          function: (given: unknown) => {
            seen.push(given);
            return 'sunny';
          },
        },
      ],
    };
    t.match(await legacy.beta.chat.completions.runFunctions(asked).finalContent(), /sunny/, model);
    t.match(seen, [{ city: String }], model);
    const streamed = legacy.beta.chat.completions.runFunctions({ ...asked, stream: true });
    t.match(await streamed.finalContent(), /sunny/, model);
    t.equal(seen.length, 2, model);
  }
});

t.test('given a custom tool, then it is called with a text, whole and streamed', async (t) => {
  const tools = [{ type: 'custom' as const, custom: { name: 'shout', description: 'Says it loudly.' } }];
  const question = { role: 'user' as const, content: 'Use shout for Paris' };
  for (const model of MODELS) {
    const whole = await client.chat.completions.create({
      model,
      max_tokens: 400,
      tools,
      messages: [question],
    });
    const call = whole.choices[0]?.message.tool_calls?.[0];
    t.match(call, { type: 'custom', custom: { name: 'shout', input: /^[^{]+$/ } }, model);
    const result = { role: 'tool' as const, tool_call_id: call?.id ?? '', content: 'LOUD' };
    const messages = [question, whole.choices[0]?.message ?? question, result];
    const next = await client.chat.completions.create({ model, max_tokens: 400, tools, messages });
    t.match(next.choices[0]?.message.content, /LOUD/, model);
  }
  const stream = await client.chat.completions.create({
    ...asked('gpt-4o-mini'),
    tools,
    messages: [question],
    stream: true,
  });
  let input = '';
  for await (const { choices } of stream) {
    const [call] = (choices[0]?.delta.tool_calls ?? []) as { custom?: { input?: string } }[];
    input += call?.custom?.input ?? '';
  }
  t.match(input, /^[^{]+$/);
});

t.test('given documents and recordings, then models that read them do, and others are named', async (t) => {
  const file = {
    file_data: `data:application/pdf;base64,${pdfOfPages(2)}`,
    filename: 'a.pdf',
    file_id: null,
  };
  const wav = { data: wavOfSeconds(1), format: 'wav' };
  const ask = (model: string, part: object) =>
    call(CHAT, key, {
      model,
      max_tokens: 500,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, part] }],
    });
  const document = { type: 'file', file, annotation: 'unknown fields are dropped' };
  const recording = { type: 'input_audio', input_audio: wav };
  for (const model of ['gpt-4o-mini', 'claude-haiku-4-5', 'gemini-2.5-flash']) {
    t.equal((await ask(model, document)).status, 200, model);
  }
  for (const model of ['gpt-audio', 'gemini-2.5-flash'])
    t.equal((await ask(model, recording)).status, 200, model);

  const at = 'messages.0.content.1';
  const rows: [model: string, part: object, param: string, message: RegExp][] = [
    [
      'gpt-3.5-turbo',
      document,
      at,
      /content\.1: the model gpt-3\.5-turbo does not read PDF documents\. Use /,
    ],
    ['claude-haiku-4-5', recording, at, /does not read recordings\. Use .*\/v1\/audio\/transcriptions/],
    ['gpt-3.5-turbo', { type: 'image_url', image_url: { url: 'https://a.b/c' } }, at, /does not read images/],
    ['gpt-4o-mini', { type: 'file', file: { file_id: 'f' } }, `${at}.file.file_id`, /send file_data/],
    ['gpt-4o-mini', { type: 'file', file: { file_data: 'AA==' } }, at, /must be a PDF document as base64/],
    [
      'gpt-audio',
      { type: 'input_audio', input_audio: { data: 'AAAA', format: 'mp3' } },
      at,
      /must be a recording/,
    ],
    [
      'gpt-audio',
      { type: 'input_audio', input_audio: { ...wav, format: 'ogg' } },
      `${at}.input_audio.format`,
      /wav or mp3/,
    ],
    ['gpt-4o-mini', { type: 'video_url' }, `${at}.type`, /parts of type video_url are not taken/],
  ];
  for (const [model, part, param, message] of rows) {
    t.match(
      await ask(model, part),
      { status: 400, body: { error: { param, message } } },
      `${model} ${param}`,
    );
  }
});

t.test('given images and documents by URL, then they cost what they cost inside the request', async (t) => {
  const base64 = pdfOfPages(2);
  const pdf = files.add('/a.pdf', Buffer.from(base64, 'base64'), 'application/octet-stream');
  const png = files.add('/a.png', Buffer.from(PIXEL, 'base64'), 'text/plain');
  const text = files.add('/a.csv', Buffer.from('pen,ink'), 'text/csv');
  const inline = { pdf: `data:application/pdf;base64,${base64}`, png: `data:image/png;base64,${PIXEL}` };
  const chat = (model: string, part: object) =>
    call(CHAT, key, { model, max_tokens: 50, messages: [{ role: 'user', content: [part] }] });
  const respond = (model: string, part: object) =>
    call('/v1/responses', key, { model, max_output_tokens: 50, input: [{ role: 'user', content: [part] }] });
  const message = (model: string, part: object) =>
    call('/v1/messages', key, { model, max_tokens: 50, messages: [{ role: 'user', content: [part] }] });
  const generate = (model: string, part: object) =>
    call(`/v1beta/models/${model}:generateContent`, key, { contents: [{ parts: [part] }] });
  const file = (file_data: string) => ({ type: 'file', file: { file_data, filename: 'document.pdf' } });
  const image = (data: string) => ({ type: 'image_url', image_url: { url: data } });
  const source = (media_type: string, data: string) => ({ type: 'base64', media_type, data });
  const gemini = (mimeType: string, data: string) => ({ inlineData: { mimeType, data } });
  const rows: [send: (model: string, part: object) => Promise<Answer>, linked: object, whole: object][] = [
    [chat, file(pdf), file(inline.pdf)],
    [chat, { type: 'file', file: { file_id: pdf } }, { type: 'file', file: { file_data: inline.pdf } }],
    [chat, { type: 'document_url', document_url: pdf }, { type: 'file', file: { file_data: inline.pdf } }],
    [chat, image(png), image(inline.png)],
    [chat, file(png), image(inline.png)],
    [chat, file(text), { type: 'text', text: 'pen,ink' }],
    [respond, { type: 'input_file', file_url: pdf }, { type: 'input_file', file_data: inline.pdf }],
    [respond, { type: 'input_image', image_url: png }, { type: 'input_image', image_url: inline.png }],
    [
      message,
      { type: 'document', source: { type: 'url', url: pdf } },
      { type: 'document', source: source('application/pdf', base64) },
    ],
    [
      message,
      { type: 'image', source: { type: 'url', url: png } },
      { type: 'image', source: source('image/png', PIXEL) },
    ],
    [generate, { fileData: { fileUri: pdf } }, gemini('application/pdf', base64)],
    [generate, { fileData: { fileUri: png, mimeType: 'image/png' } }, gemini('image/png', PIXEL)],
  ];
  const cost = ({ status, headers, body }: Answer) => {
    const { prompt_tokens: chats, input_tokens: others } = body.usage ?? {};
    const input = chats ?? others ?? body.usageMetadata?.promptTokenCount;
    return { status, input, cost: headers.get('x-inkmeter-cost-usd') };
  };
  for (const [send, linked, whole] of rows) {
    for (const model of ['claude-haiku-4-5', 'gemini-2.5-flash']) {
      const expected = cost(await send(model, whole));
      t.equal(expected.status, 200);
      t.strictSame(cost(await send(model, linked)), expected, `${model} ${JSON.stringify(linked)}`);
    }
  }
});

t.test('given URLs that cannot be read, then the answer names the part and says why', async (t) => {
  const page = files.add('/page', Buffer.from('<!doctype html><title>Sign in</title>'), 'text/html');
  const rows: [part: object, message: RegExp][] = [
    [
      { image_url: { url: files.add('/csv', Buffer.from('a,b'), 'image/png') } },
      /must be an image, not text/,
    ],
    [{ file: { file_data: page } }, /is a web page/],
    [{ file: { file_data: files.add('/zip', gzipSync('a'), 'application/pdf') } }, /must be an image, a PDF/],
    [{ image_url: { url: `${files.url}/missing` } }, /answered 404/],
    [{ image_url: { url: `${files.url}/inside` } }, /not on the public internet/],
    [{ image_url: { url: 'http://0x7f000002/' } }, /not on the public internet/],
    [{ image_url: { url: 'http://user:pass@example.com/' } }, /http or https URL without credentials/],
  ];
  for (const [part, message] of rows) {
    const content = [
      { type: 'text', text: 'What is it?' },
      { type: Object.keys(part)[0], ...part },
    ];
    const body = { ...asked('gpt-4o-mini'), messages: [{ role: 'user', content }] };
    const error = { problem_code: 'url_not_read', param: 'messages.0.content.1', message };
    t.match(await call(CHAT, key, body), { status: 400, body: { error } }, String(message));
  }
});

t.test('given a request without anything to answer, then the parameter is named', async (t) => {
  const rows: [path: string, body: object, param: string][] = [
    [
      '/v1/messages',
      { model: 'gpt-4o-mini', max_tokens: 9, messages: [{ role: 'user', content: [] }] },
      'messages',
    ],
    ['/v1/responses', { model: 'gpt-4o-mini', input: [] }, 'input'],
    ['/v1beta/models/gpt-4o-mini:generateContent', { contents: [{ role: 'user', parts: [] }] }, 'contents'],
  ];
  for (const [path, body, param] of rows) {
    const error = { message: new RegExp(`^${param} has nothing to answer`) };
    t.match(await call(path, key, body), { status: 400, body: { error } }, path);
  }
});

t.test(
  "given a path that a vendor's SDK shares with others, then errors are in the shape of that SDK",
  async (t) => {
    const rows: [path: string, headers: Record<string, string>, body: object][] = [
      ['/v1/files', {}, { error: { type: 'invalid_request_error', problem_code: 'route_not_found' } }],
      [
        '/v1/files',
        { 'anthropic-version': '2023-06-01' },
        { type: 'error', error: { type: 'not_found_error' } },
      ],
      [
        '/v1/agents',
        { 'anthropic-version': '2023-06-01' },
        { error: { message: /^There is no .*\/v1\/messages/ } },
      ],
      ['/v1/batches', { 'x-goog-api-client': 'gl-node' }, { error: { code: 404, status: 'NOT_FOUND' } }],
      ['/upload/v1beta/files', {}, { error: { code: 404, status: 'NOT_FOUND' } }],
    ];
    for (const [path, headers, body] of rows) {
      t.match(await call(path, key, undefined, headers), { status: 404, body }, path);
    }
  },
);

t.test('given a key in the header that Azure clients use, then it is accepted', async (t) => {
  const answer = await call('/v1/models', null, undefined, { 'api-key': key });
  t.equal(answer.status, 200);
});

t.test("given another vendor's key, then the message is about keys", async (t) => {
  const answer = await call('/v1/models', 'sk-proj-abc');
  t.match(answer, { status: 401, body: { error: { code: 'invalid_api_key', message: /API key/ } } });
});

t.test('given a trailing slash, then the route is found', async (t) => {
  t.equal((await call(`${CHAT}/`, key, asked('gpt-4o-mini'))).status, 200);
  t.equal((await call('/v1/models/', key)).status, 200);
});

t.test('given a compressed body, then it is refused as such', async (t) => {
  const response = await fetch(`${url}${CHAT}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'content-encoding': 'gzip',
    },
    body: gzipSync(JSON.stringify(asked('gpt-4o-mini'))),
  });
  t.equal(response.status, 415);
  t.match(await response.json(), { error: { message: /Content-Encoding gzip/ } });
});

t.test('given a DELETE or POST without a body but with its content type, then it is served', async (t) => {
  const json = { 'content-type': 'application/json' };
  const created = await call('/api/api-keys', buyer.token, { name: 'to be revoked' });
  const deleted = await fetch(`${url}/api/api-keys/${created.body.id}`, {
    method: 'DELETE',
    headers: { ...json, authorization: `Bearer ${buyer.token}` },
  });
  t.equal(deleted.status, 204, await deleted.text());
  const posted = await fetch(`${url}/api/subscription/resume`, {
    method: 'POST',
    headers: { ...json, authorization: `Bearer ${buyer.token}` },
  });
  t.not(posted.status, 400, await posted.text());
});

t.test('given a photo of 3 MB, then it is served; a body above 32 MB is not', async (t) => {
  const photo = (bytes: number) => ({
    ...asked('gpt-4o-mini'),
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: `data:image/jpeg;base64,${'A'.repeat(bytes)}` } },
        ],
      },
    ],
  });
  t.equal((await call(CHAT, key, photo(4_000_000))).status, 200);
  const large = await call(CHAT, key, photo(33_554_432));
  t.match(large, { status: 413, body: { error: { message: /33554432 bytes/ } } });
});

t.test('given a failure that was charged, then SDKs do not repeat it', async (t) => {
  const broken = {
    ...asked('gpt-4o-mini'),
    messages: [{ role: 'user', content: '[[simulate: malformed]]' }],
  };
  const answer = await call(CHAT, key, broken);
  t.equal(answer.status, 502);
  t.ok(Number(answer.headers.get('x-inkmeter-cost-usd')) > 0);
  t.equal(answer.headers.get('x-should-retry'), 'false');
});

t.test('given names of snapshots, prefixes and latest models, then they are known', async (t) => {
  const names: [name: string, model: string][] = [
    ['gpt-4o-mini-2024-07-18', 'gpt-4o-mini'],
    ['models/gemini-2.5-flash', 'gemini-2.5-flash'],
    ['google/gemini-2.5-flash', 'gemini-2.5-flash'],
    ['openai/gpt-4o-mini', 'gpt-4o-mini'],
    ['gemini-flash-latest', 'gemini-3.5-flash'],
  ];
  for (const [name, model] of names) {
    for (const written of [encodeURIComponent(name), name]) {
      const answer = await call(`/v1/models/${written}`, key);
      t.match(answer.body, { id: model, created: Number }, written);
      t.ok(answer.body.created > 1_400_000_000, written);
    }
  }
  for (const name of ['gpt-5.5-2026-04-23', 'gpt-5.6-luna', 'o1']) {
    const answer = await call(`/v1/models/${name}`, key);
    t.match(answer, { status: 404, body: { error: { message: /plan does not include the model/ } } }, name);
  }
  const unknown = await call(CHAT, key, asked('gpt-0'));
  t.match(unknown, { status: 404, body: { error: { code: 'model_not_found', message: /gpt-0/ } } });
});

t.test('given a route that does not exist, then the message names it and what to use', async (t) => {
  const images = await call('/v1/images/edits', key, {});
  t.match(images, {
    status: 404,
    body: { error: { message: /POST \/v1\/images\/edits.*\/v1\/images\/generations/ } },
  });
  const files = await call('/v1/files', key, {});
  t.match(files, { status: 404, body: { error: { message: /POST \/v1\/files/ } } });
  const method = await call('/v1/models', key, {});
  t.match(method, { status: 405, body: { error: { message: 'There is no POST /v1/models. Use GET.' } } });
});

t.test('given hints that a model cannot take, then they are left out and named', async (t) => {
  const answer = await call(CHAT, key, { ...asked('claude-haiku-4-5'), seed: 1, temperature: 1.5 });
  t.equal(answer.status, 200);
  t.equal(answer.headers.get('x-inkmeter-ignored'), 'seed, temperature=1');
});

t.test('given cache marks in a chat, then Claude stores the prompt, wherever they stand', async (t) => {
  const text = 'Words that are worth storing. '.repeat(900);
  const mark = { cache_control: { type: 'ephemeral' } };
  const marked = (where: number) =>
    [
      {
        messages: [{ role: 'system', content: [{ type: 'text', text: `0${text}`, ...mark }] }, user],
      },
      { messages: [{ role: 'system', content: `1${text}`, ...mark }, user] },
      {
        messages: [user],
        tools: [{ type: 'function', function: { name: 'f', description: `2${text}` }, ...mark }],
      },
      {
        messages: [user],
        tools: [{ type: 'function', function: { name: 'f', description: `3${text}`, ...mark } }],
      },
      { messages: [{ role: 'user', content: `4${text}` }], ...mark },
      {
        messages: [
          user,
          {
            role: 'assistant',
            content: `5${text}`,
            tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' }, ...mark }],
          },
          { role: 'tool', tool_call_id: 'c1', content: 'sunny' },
        ],
        tools: [{ type: 'function', function: { name: 'f' } }],
      },
      {
        messages: [
          user,
          {
            role: 'assistant',
            content: null,
            tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } }],
          },
          { role: 'tool', tool_call_id: 'c1', content: [{ type: 'text', text: `6${text}`, ...mark }] },
        ],
        tools: [{ type: 'function', function: { name: 'f' } }],
      },
    ][where];
  for (const where of [0, 1, 2, 3, 4, 5, 6]) {
    const request = { ...asked('claude-haiku-4-5'), ...marked(where) };
    const first = await call(CHAT, key, request);
    t.ok(first.body.usage?.prompt_tokens_details.cache_write_tokens > 1024, `${where}`);
    const second = await call(CHAT, key, request);
    t.ok(second.body.usage?.prompt_tokens_details.cached_tokens > 1024, `${where}`);
  }
});
