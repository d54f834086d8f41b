/** Traces of requests through an installation, received as a collector would. */
import diagnostics from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import t from 'tap';
import { startTracing } from '#libs/service/tracing.ts';
import { startInstallation } from './installation.fixture.ts';

type Attribute = { key: string; value: Record<string, unknown> };
type Span = {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  attributes: Attribute[];
  status: { code?: number };
};

const bodies: string[] = [];
const collector = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    if (request.url === '/v1/traces') bodies.push(Buffer.concat(chunks).toString('utf8'));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
});
await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
t.teardown(() => collector.close());
const { port } = collector.address() as { port: number };

const traces = await startTracing('test', `http://127.0.0.1:${port}/`);
const { call, customer, keyOf, url } = await startInstallation(t, 'default');

/** The `traceparent` of each request that the services sent, by trace and path. */
const passedOn = new Map<string, string>();
diagnostics.subscribe('undici:request:create', (message) => {
  const { request } = message as { request: { path: string; headers: string[] | string } };
  const headers = Array.isArray(request.headers) ? request.headers : request.headers.split('\r\n');
  const at = headers.findIndex((name) => name.toLowerCase() === 'traceparent');
  const traceparent = headers[at + 1] ?? '';
  if (at >= 0) passedOn.set(`${traceparent.split('-')[1]} ${request.path}`, traceparent);
});

const CLIENT = 'c'.repeat(16);
const CHAT = 'a1'.repeat(16);
const STREAM = 'a2'.repeat(16);
const FAILURE = 'a3'.repeat(16);
const IMAGE = 'a4'.repeat(16);
const JOB = 'a5'.repeat(16);
const parentOf = (traceId: string) => ({ traceparent: `00-${traceId}-${CLIENT}-01` });

const SECRET = 'the secret recipe of ink';
const key = await keyOf(await customer('pro'));
const chat = (content: string, traceId: string, more: object = {}) =>
  call(
    '/v1/chat/completions?note=hidden',
    key,
    { model: 'gpt-4o-mini', max_tokens: 50, messages: [{ role: 'user', content }], ...more },
    parentOf(traceId),
  );

const answer = await chat(SECRET, CHAT);
await call('/api/subscription/usage', key, undefined, parentOf(CHAT));
const streamed = await chat(SECRET, STREAM, { model: 'gemini-2.5-flash', stream: true });
const failed = await chat(`${SECRET} [[simulate: status=400]]`, FAILURE);
const image = await call('/v1/images/generations', key, { prompt: SECRET }, parentOf(IMAGE));
const job = await call(
  '/api/generations',
  key,
  { topic: SECRET, content_types: ['newsletter'] },
  parentOf(JOB),
);
const events = await fetch(`${url}/api/generations/${job.body.id}/events`, {
  headers: { authorization: `Bearer ${key}` },
});
const outcome = await events.text();
await traces.shutdown();

const spans = bodies
  .flatMap((body) => JSON.parse(body).resourceSpans)
  .flatMap(({ scopeSpans }) => scopeSpans)
  .flatMap(({ spans: each }) => each as Span[]);
const spansOf = (traceId: string) => spans.filter((span) => span.traceId === traceId);
const attributeOf = (span: Span | undefined, name: string) =>
  Object.values(span?.attributes.find(({ key: each }) => each === name)?.value ?? {})[0];
const callsOf = (traceId: string) =>
  spansOf(traceId).filter((span) => attributeOf(span, 'gen_ai.operation.name') !== undefined);
const sentTo = (traceId: string, suffix: string) =>
  [...passedOn].find(([target]) => target.startsWith(traceId) && target.endsWith(suffix))?.[1] ?? '';

t.test('given a collector, then a chat is one trace from the client to the provider', async (t) => {
  t.equal(answer.status, 200, JSON.stringify(answer.body));
  const gateway = spansOf(CHAT).find(
    (span) => attributeOf(span, 'http.route') === '/v1/chat/completions' && span.name === 'request',
  );
  t.equal(gateway?.parentSpanId, CLIENT);
  t.equal(attributeOf(gateway, 'url.path'), '/v1/chat/completions', 'without the query');

  const [provider] = callsOf(CHAT);
  t.equal(provider?.name, 'chat gpt-4o-mini');
  t.equal(attributeOf(provider, 'gen_ai.operation.name'), 'chat');
  t.equal(attributeOf(provider, 'gen_ai.provider.name'), 'openai');
  t.equal(attributeOf(provider, 'gen_ai.request.model'), 'gpt-4o-mini');
  t.equal(Number(attributeOf(provider, 'gen_ai.request.max_tokens')), 50);
  t.equal(Number(attributeOf(provider, 'gen_ai.usage.input_tokens')), answer.body.usage.prompt_tokens);
  t.equal(Number(attributeOf(provider, 'gen_ai.usage.output_tokens')), answer.body.usage.completion_tokens);
  t.equal(attributeOf(provider, 'inkmeter.request_id'), answer.headers.get('x-request-id'));
  t.not(provider?.status.code, 2);

  const [, , forwarded] = sentTo(CHAT, '/internal/v1/chat').split('-');
  t.equal(provider?.parentSpanId, forwarded, 'generation continues the trace of the gateway');
  t.ok(
    spans.some(({ spanId }) => spanId === forwarded),
    'which is a span of the gateway',
  );
  t.equal(
    sentTo(CHAT, '/openai/v1/chat/completions'),
    `00-${CHAT}-${provider?.spanId}-01`,
    'the provider receives it',
  );
  t.match(
    sentTo(CHAT, '/api/subscription/usage'),
    new RegExp(`^00-${CHAT}-(?!${CLIENT})`),
    'proxied requests continue it',
  );
});

t.test('given a stream, a failure and an image, then their spans say so', async (t) => {
  t.equal(streamed.status, 200);
  const [stream, ...others] = callsOf(STREAM);
  t.equal(others.length, 0);
  t.equal(attributeOf(stream, 'gen_ai.provider.name'), 'gcp.gemini', 'as the conventions name it');
  t.ok(Number(attributeOf(stream, 'gen_ai.usage.output_tokens')) > 0);

  t.equal(failed.status, 400);
  const [failure] = callsOf(FAILURE);
  t.equal(failure?.status.code, 2, 'an error');
  t.equal(attributeOf(failure, 'error.type'), failed.body.error.code);

  t.equal(image.status, 200, JSON.stringify(image.body));
  const picture = callsOf(IMAGE).find((span) => attributeOf(span, 'gen_ai.output.type') === 'image');
  t.equal(attributeOf(picture, 'gen_ai.operation.name'), 'generate_content');
  t.ok(Number(attributeOf(picture, 'inkmeter.cost_nano_usd')) > 0);
});

t.test('given a job, then its calls belong to the trace of its request', async (t) => {
  t.match(outcome, 'event: completed');
  const calls = callsOf(JOB);
  const [, , forwarded] = sentTo(JOB, '/internal/v1/jobs').split('-');
  t.ok(calls.length > 0);
  for (const span of calls) t.equal(span.parentSpanId, forwarded, span.name);
});

t.test('then no prompt, answer, key or query is exported', async (t) => {
  for (const body of bodies) {
    t.notMatch(body, SECRET, 'no prompt');
    t.notMatch(body, answer.body.choices[0].message.content.slice(0, 40), 'no answer');
    t.notMatch(body, key, 'no key');
    t.notMatch(body, 'note=hidden');
  }
});
