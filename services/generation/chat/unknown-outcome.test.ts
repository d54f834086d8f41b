/** Vendors whose figures are missing, late or wrong, and calls whose outcome is unknown: never free. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import t from 'tap';
import { until } from '#libs/jobs/fixtures.ts';
import { listenServerOnFreePort, request } from '#libs/testing/http.ts';
import {
  chatPlan,
  createTestGeneration,
  type HeldRequest,
  type TestProvider,
  type UsageRow,
} from '../fixtures.ts';

type Handler = (response: ServerResponse, incoming: IncomingMessage) => void;

let handler: Handler = () => {};
const server = createServer((incoming, response) => {
  incoming.resume().on('end', () => {
    handler(response, incoming);
    server.emit('handled');
  });
});
const vendor = await listenServerOnFreePort(t, server);
const generation = await createTestGeneration(t, {
  OPENAI_BASE_URL: `${vendor}/v1`,
  ANTHROPIC_BASE_URL: vendor,
  GEMINI_BASE_URL: vendor,
  DRAIN_TIMEOUT: '2s',
  DEADLINE_MARGIN: '0ms',
});
const { workUrl: route } = generation;

const WORDS = 'word '.repeat(40).trim();
/** What is held for 500 tokens of input and 60 of output. */
const BOUND_NANO_USD = 805_000n;

const chat = (more: object = {}) => ({
  model: 'gpt-4o',
  messages: [{ role: 'user', content: 'hello there' }],
  ...more,
});

const sse = (events: readonly unknown[]) =>
  events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');

const chunk = (delta: object, more: object = {}) => ({
  id: 'c1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'gpt-4o',
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
});

const finish = chunk({}, { finish_reason: 'stop' });
const usage = (prompt: number, completion: number) => ({
  usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion },
});

function sendEvents(text: string): Handler {
  return (response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end(text);
}

function sendJson(document: object): Handler {
  return (response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
}

async function rowOf(requestId: string): Promise<UsageRow> {
  t.equal(await generation.holdState(requestId), 'closed');
  const rows = await generation.rows(requestId);
  t.equal(rows.length, 1);
  return rows[0] as UsageRow;
}

async function ask(provider: TestProvider, stream: boolean, more: Parameters<typeof chatPlan>[1] = {}) {
  const { requestId, headers } = await generation.admit(chatPlan(provider, more));
  const answer = await request<string>(route, { headers, body: chat({ stream }) });
  return { answer, row: await rowOf(requestId) };
}

async function drainingCalls(): Promise<number> {
  const gauge = await generation.metrics.registry.getSingleMetric('inkmeter_draining_calls')?.get();
  return gauge?.values[0]?.value ?? 0;
}

/** Sends a request and leaves when the vendor has received it, or when the response matches. */
async function askAndLeave({ headers }: HeldRequest, body: object, seen?: RegExp): Promise<void> {
  const controller = new AbortController();
  const arrived = once(server, 'handled');
  const pending = fetch(route, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: controller.signal,
  });
  pending.catch(() => undefined);
  await arrived;
  if (seen !== undefined) {
    const reader = (await pending).body?.getReader();
    for (let text = ''; !seen.test(text); )
      text += Buffer.from((await reader?.read())?.value ?? []).toString();
  }
  controller.abort();
}

const completion = (more: object) => ({
  id: 'c1',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-4o',
  choices: [{ index: 0, message: { role: 'assistant', content: WORDS }, finish_reason: 'stop' }],
  ...more,
});

const anthropic = (start: object, end: object, text = WORDS) =>
  [
    {
      type: 'message_start',
      message: { id: 'm', type: 'message', role: 'assistant', content: [], usage: start },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: end },
    { type: 'message_stop' },
  ]
    .map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
    .join('');

const gemini = (text: string, usageMetadata: object, more: object = {}) => ({
  candidates: [{ content: { role: 'model', parts: [{ text }] }, index: 0, ...more }],
  usageMetadata,
});

t.test('given a vendor whose figures are missing, zero or shrinking', async (t) => {
  const zero = { input_tokens: 0, output_tokens: 0 };
  const rows: [string, TestProvider, boolean, Handler, Partial<UsageRow>][] = [
    [
      'usage of zero after the text is counted',
      'openai',
      true,
      sendEvents(
        `${sse([chunk({ content: WORDS }), finish, { ...chunk({}), choices: [], ...usage(0, 0) }])}data: [DONE]\n\n`,
      ),
      { usage_source: 'counted', output_tokens: 40 },
    ],
    [
      'so is usage of zero in a plain answer',
      'openai',
      false,
      sendJson(completion(usage(0, 0))),
      { usage_source: 'counted', output_tokens: 40 },
    ],
    [
      'so is usage of zero of a translated stream',
      'anthropic',
      true,
      sendEvents(anthropic(zero, zero)),
      { usage_source: 'estimated', output_tokens: 60 },
    ],
    [
      'usage in the first chunk only is not the usage of the answer',
      'openai',
      true,
      sendEvents(
        `${sse([{ ...chunk({ content: '' }), ...usage(12, 0) }, chunk({ content: WORDS }), finish])}data: [DONE]\n\n`,
      ),
      { usage_source: 'counted', input_tokens: 12, output_tokens: 40 },
    ],
    [
      'a figure missing from the last report is kept',
      'gemini',
      true,
      sendEvents(
        sse([
          gemini('Hello', { promptTokenCount: 12, candidatesTokenCount: 20, totalTokenCount: 32 }),
          gemini('', { promptTokenCount: 12, totalTokenCount: 32 }, { finishReason: 'STOP' }),
        ]),
      ),
      { usage_source: 'provider', input_tokens: 12, output_tokens: 20 },
    ],
    [
      'a total above its parts counts',
      'gemini',
      true,
      sendEvents(
        sse([
          gemini(
            'Hello',
            { promptTokenCount: 12, candidatesTokenCount: 2, totalTokenCount: 54 },
            { finishReason: 'STOP' },
          ),
        ]),
      ),
      { usage_source: 'provider', input_tokens: 12, output_tokens: 42 },
    ],
    [
      'a figure that shrinks to zero is kept',
      'anthropic',
      true,
      sendEvents(
        anthropic({ input_tokens: 25, output_tokens: 1 }, { input_tokens: 0, output_tokens: 15 }, 'Hello'),
      ),
      { usage_source: 'provider', input_tokens: 25, output_tokens: 15 },
    ],
  ];
  for (const [title, provider, stream, answer, expected] of rows) {
    handler = answer;
    const { row } = await ask(provider, stream);
    t.match(row, { ...expected, status: 'ok' }, title);
    t.ok(row.input_tokens !== null && row.input_tokens > 0, title);
  }
});

t.test('given no usage from a model that may reason unseen, then what was held is charged', async (t) => {
  handler = sendJson(completion(usage(0, 0)));
  const { row } = await ask('openai', false, { hiddenReasoning: true });
  t.match(row, { status: 'ok', usage_source: 'bound', cost_nano_usd: BOUND_NANO_USD });
});

t.test('given figures beyond 32 bits, then the call is settled', async (t) => {
  handler = sendJson({
    ...gemini(
      'hello',
      { promptTokenCount: 3e9, toolUsePromptTokenCount: 5, candidatesTokenCount: 5 },
      { finishReason: 'STOP' },
    ),
  });
  const { answer, row } = await ask('gemini', false);
  t.equal(answer.status, 200);
  t.match(row, { usage_source: 'provider', cost_nano_usd: 3_000_000_015_000n, overrun: true });
});

t.test(
  'given early usage of zero and a client that leaves after 40 words, then they are charged',
  async (t) => {
    handler = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const text = [chunk({ content: WORDS.slice(0, -5) }), chunk({ content: ' word' })];
      response.write(sse([{ ...chunk({ content: '' }), ...usage(0, 0) }, ...text]));
    };
    const admitted = await generation.admit(chatPlan());
    await askAndLeave(admitted, chat({ stream: true }), /word/);
    const row = await rowOf(admitted.requestId);
    t.match(row, { status: 'aborted', usage_source: 'counted', output_tokens: 40 });
  },
);

t.test('given a connection that breaks while the vendor works, then what was held is charged', async (t) => {
  handler = (_, { socket }) => socket.destroy();
  const { answer, row } = await ask('openai', false);
  t.equal(answer.status, 502);
  t.match(row, { status: 'error', usage_source: 'bound', cost_nano_usd: BOUND_NANO_USD, attempts: 1 });
});

t.test('given a reused connection that is reset, then the request may have been processed', async (t) => {
  handler = sendJson(completion(usage(10, 5)));
  await ask('openai', false);
  let requests = 0;
  handler = (_, { socket }) => {
    requests += 1;
    socket.resetAndDestroy();
  };
  const { row } = await ask('openai', false);
  t.equal(requests, 1, 'it is not sent again');
  t.match(row, { status: 'error', usage_source: 'bound', cost_nano_usd: BOUND_NANO_USD });
});

t.test('given a client that leaves before a plain answer', async (t) => {
  await t.test('then the answer is awaited and charged as reported', async (t) => {
    for (const provider of ['openai', 'anthropic'] as const) {
      const answers: (() => void)[] = [];
      handler = (response) => {
        const answer =
          provider === 'openai'
            ? completion(usage(12, 50))
            : { content: [{ type: 'text', text: 'x' }], usage: { input_tokens: 12, output_tokens: 50 } };
        answers.push(() => sendJson(answer)(response, {} as IncomingMessage));
      };
      const admitted = await Promise.all(
        Array.from({ length: 8 }, () => generation.admit(chatPlan(provider))),
      );
      for (const held of admitted) await askAndLeave(held, chat());
      await until(async () => (await drainingCalls()) === admitted.length);
      for (const answer of answers) answer();
      for (const { requestId } of admitted) {
        const row = await rowOf(requestId);
        t.match(row, { status: 'aborted', error_code: 'client_closed_request', usage_source: 'provider' });
        t.match(row, { input_tokens: 12, output_tokens: 50 });
      }
    }
  });

  await t.test('and the vendor does not answer, then what was held is charged', async (t) => {
    handler = () => {};
    const admitted = await generation.admit(chatPlan());
    await askAndLeave(admitted, chat());
    const row = await rowOf(admitted.requestId);
    t.match(row, { status: 'aborted', usage_source: 'bound', cost_nano_usd: BOUND_NANO_USD });
  });

  await t.test('and the vendor fails, then nothing is charged and it is not called again', async (t) => {
    let fail = () => {};
    let requests = 0;
    handler = (response) => {
      requests += 1;
      fail = () => response.writeHead(503, { 'content-type': 'application/json' }).end('{}');
    };
    const admitted = await generation.admit(chatPlan());
    await askAndLeave(admitted, chat());
    await until(async () => (await drainingCalls()) === 1);
    fail();
    t.match(await rowOf(admitted.requestId), { status: 'aborted', cost_nano_usd: 0n });
    t.equal(requests, 1);
  });
});

t.test('given a client that leaves while a model thinks', async (t) => {
  const plan = chatPlan('openai', { hiddenReasoning: true });

  await t.test('then the stream is drained and charged as reported', async (t) => {
    let rest = () => {};
    handler = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(sse([chunk({ content: 'So' }), chunk({ content: ' it' })]));
      rest = () =>
        void response.end(
          `${sse([finish, { ...chunk({}), choices: [], ...usage(12, 900) }])}data: [DONE]\n\n`,
        );
    };
    const admitted = await generation.admit(plan);
    await askAndLeave(admitted, chat({ stream: true }), /So/);
    await until(async () => (await drainingCalls()) === 1);
    rest();
    t.match(await rowOf(admitted.requestId), {
      status: 'aborted',
      usage_source: 'provider',
      output_tokens: 900,
    });
  });

  await t.test('and the vendor goes on thinking, then what was held is charged', async (t) => {
    handler = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': thinking\n\n');
    };
    const admitted = await generation.admit(plan);
    await askAndLeave(admitted, chat({ stream: true }));
    t.match(await rowOf(admitted.requestId), { usage_source: 'bound', cost_nano_usd: BOUND_NANO_USD });
  });
});

t.test('given a first attempt that produced something, then it is charged and not repeated', async (t) => {
  let requests = 0;
  handler = (response) => {
    requests += 1;
    sendEvents(
      sse([chunk({ content: '' }), chunk({ reasoning: 'FIRST' }), { error: { type: 'overloaded_error' } }]),
    )(response, {} as IncomingMessage);
  };
  const { answer, row } = await ask('openai', true);
  t.equal(requests, 1);
  t.notMatch(answer.body, /\[DONE\]/);
  t.match(row, { status: 'error', usage_source: 'counted', output_tokens: 0, attempts: 1 });
  t.ok((row.reasoning_tokens ?? 0) > 0);
});

t.test('given an empty finish reason and a stream that is cut, then what was held is charged', async (t) => {
  handler = sendEvents(
    sse([
      chunk({ content: '' }, { finish_reason: '' }),
      chunk({ content: 'Half an ans' }, { finish_reason: '' }),
    ]),
  );
  const { answer, row } = await ask('openai', true);
  t.notMatch(answer.body, /\[DONE\]/);
  t.match(row, { status: 'error', error_code: 'provider_error', usage_source: 'bound' });
});

t.test('given requests of a trace, then the calls to providers are part of it', async (t) => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const received: unknown[] = [];
  handler = (response, { headers }) => {
    received.push(headers.traceparent);
    sendJson(completion(usage(10, 5)))(response, {} as IncomingMessage);
  };
  for (const trace of [{ traceparent }, { traceparent: 'mine' }, {}]) {
    const { headers } = await generation.admit(chatPlan());
    await request(route, { headers: { ...headers, ...trace }, body: chat() });
  }
  t.strictSame(received, [traceparent, undefined, undefined], 'an invalid one is dropped');
});

t.test('given all of the above, then the drains and bounds are visible in the metrics', async (t) => {
  const text = await generation.metrics.registry.metrics();
  t.match(text, /inkmeter_draining_calls(\{[^}]*\})? 0/);
  t.match(text, /inkmeter_drained_calls_total\{[^}]*outcome="complete"[^}]*\} \d/);
  t.match(text, /inkmeter_drained_calls_total\{[^}]*outcome="bound"[^}]*\} 2/);
  t.match(text, /inkmeter_bound_calls_total\{[^}]*provider="openai"[^}]*\} \d/);
});
