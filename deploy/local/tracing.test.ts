/** Traces of a request through an installation, received as a collector would. */
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
const { call, customer, keyOf } = await startInstallation(t, 'default');

/** The `traceparent` of each request that the services sent, by path. */
const passedOn = new Map<string, string>();
diagnostics.subscribe('undici:request:create', (message) => {
  const { request } = message as { request: { path: string; headers: string[] | string } };
  const headers = Array.isArray(request.headers) ? request.headers : request.headers.split('\r\n');
  const at = headers.findIndex((name) => name.toLowerCase() === 'traceparent');
  if (at >= 0) passedOn.set(request.path, headers[at + 1] as string);
});

t.test('given a collector, then a chat is one trace from the client to the provider', async (t) => {
  const key = await keyOf(await customer('pro'));
  const traceId = 'b'.repeat(32);
  const client = 'c'.repeat(16);
  const secret = 'the secret recipe of ink';
  const answer = await call(
    '/v1/chat/completions?note=hidden',
    key,
    { model: 'gpt-4o-mini', max_tokens: 50, messages: [{ role: 'user', content: secret }] },
    { traceparent: `00-${traceId}-${client}-01` },
  );
  t.equal(answer.status, 200, JSON.stringify(answer.body));
  await call('/api/subscription/usage', key, undefined, { traceparent: `00-${traceId}-${client}-01` });
  await traces.shutdown();

  const spans = bodies
    .flatMap((body) => JSON.parse(body).resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans)
    .flatMap(({ spans: each }) => each as Span[])
    .filter((span) => span.traceId === traceId);
  const attributeOf = (span: Span | undefined, name: string) =>
    Object.values(span?.attributes.find(({ key: each }) => each === name)?.value ?? {})[0];
  const gateway = spans.find(
    (span) => attributeOf(span, 'http.route') === '/v1/chat/completions' && span.name === 'request',
  );
  t.equal(gateway?.parentSpanId, client);
  t.equal(attributeOf(gateway, 'url.path'), '/v1/chat/completions', 'without the query');

  const provider = spans.find(({ name }) => name === 'chat gpt-4o-mini');
  t.ok(provider);
  t.equal(attributeOf(provider, 'gen_ai.operation.name'), 'chat');
  t.equal(attributeOf(provider, 'gen_ai.provider.name'), 'openai');
  t.equal(attributeOf(provider, 'gen_ai.request.model'), 'gpt-4o-mini');
  t.equal(Number(attributeOf(provider, 'gen_ai.request.max_tokens')), 50);
  t.equal(Number(attributeOf(provider, 'gen_ai.usage.input_tokens')), answer.body.usage.prompt_tokens);
  t.equal(Number(attributeOf(provider, 'gen_ai.usage.output_tokens')), answer.body.usage.completion_tokens);
  t.equal(attributeOf(provider, 'inkmeter.request_id'), answer.headers.get('x-request-id'));

  const sentTo = (suffix: string) => [...passedOn].find(([path]) => path.endsWith(suffix))?.[1];
  const [, , forwarded] = (sentTo('/internal/v1/chat') ?? '').split('-');
  t.equal(provider?.parentSpanId, forwarded, 'generation continues the trace of the gateway');
  t.ok(
    spans.some(({ spanId }) => spanId === forwarded),
    'which is a span of the gateway',
  );
  t.equal(
    sentTo('/openai/v1/chat/completions'),
    `00-${traceId}-${provider?.spanId}-01`,
    'the provider receives it',
  );
  t.match(
    sentTo('/api/subscription/usage'),
    new RegExp(`^00-${traceId}-(?!${client})`),
    'proxied requests continue it',
  );
  for (const body of bodies) {
    t.notMatch(body, secret, 'no prompt');
    t.notMatch(body, answer.body.choices[0].message.content.slice(0, 40), 'no answer');
    t.notMatch(body, key, 'no key');
    t.notMatch(body, 'note=hidden');
  }
});
