/** What real clients send: the OpenAI SDK's helpers, LangChain's messages, Azure's header, and HTTP's smaller liberties. */
import { gzipSync } from 'node:zlib';
import OpenAI from 'openai';
import t from 'tap';
import { startInstallation } from './installation.fixture.ts';

const { call, customer, keyOf, url } = await startInstallation(t, 'default');
const buyer = await customer('pro');
const key = await keyOf(buyer);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });

const CHAT = '/v1/chat/completions';
const MODELS = ['gpt-4o-mini', 'claude-haiku-4-5', 'gemini-2.5-flash'];
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
  ]) {
    const answer = await call(CHAT, key, { ...asked('gpt-4o-mini'), ...more });
    t.equal(answer.status, 200, `${JSON.stringify(more)}: ${JSON.stringify(answer.body)}`);
  }
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
