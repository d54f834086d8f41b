/**
 * The product as a new user runs it: `npm start`, the first request, the vendors' SDKs, the ledger's counters, and
 * Ctrl-C.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, streamText } from 'ai';
import OpenAI from 'openai';
import t, { type Test } from 'tap';
import { findFreePort } from '#libs/embedded/ports.ts';
import { CLIENT_PROGRAM, generateClient } from '#libs/testing/generated-client.fixture.ts';
import { request } from '#libs/testing/http.ts';
import { scriptPath } from './supervisor.ts';

type Installation = { url: string; key: string; child: ChildProcess; output: () => string };

const READY = 'Ctrl-C stops everything';
const SERVICES = ['PORT', 'BILLING_PORT', 'USAGE_METERING_PORT', 'GENERATION_PORT'] as const;
const OTHERS = ['SIMULATOR_PORT', 'STRIPE_SIMULATOR_PORT', 'POSTGRES_PORT'] as const;

/** A free port whose operations port, 1000 higher, is free too. */
async function freePorts(): Promise<Record<string, string>> {
  const ports: Record<string, string> = {};
  for (const name of [...SERVICES, ...OTHERS]) {
    let port = await findFreePort();
    while (port > 64_000 || Object.values(ports).includes(String(port))) port = await findFreePort();
    ports[name] = String(port);
  }
  return ports;
}

async function start(t: Test): Promise<Installation> {
  const folder = mkdtempSync(path.join(tmpdir(), 'inkmeter-e2e-'));
  const ports = await freePorts();
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [scriptPath('deploy/local/start.ts')], {
    env: { PATH, HOME, ...ports, DATA_FOLDER: folder, RATE_LIMIT_PER_CALLER: '0', CHUNK_DELAY: '0ms' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const ready = new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      text += chunk;
      if (text.includes(READY)) resolve();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', () => reject(new Error(`it did not start:\n${text}`)));
  });
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGINT');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });
  await ready;
  const key = /ik_live_\w+/.exec(text)?.[0] ?? '';
  return { url: `http://127.0.0.1:${ports.PORT}`, key, child, output: () => text };
}

type Limit = { meter: string; window: string; used: string; held: string };
type Usage = { data: { limits: Limit[] } };
type Call = {
  cost_nano_usd: string;
  usage_source: string;
  status: string;
  tokens: Record<string, number | null>;
};
type Explained = { decision: { verdict: string }; hold: { state: string }; calls: Call[] };

const MODELS = { openai: 'gpt-4o-mini', anthropic: 'claude-haiku-4-5', gemini: 'gemini-2.5-flash' };
const question = (content: string) => [{ role: 'user' as const, content }];

t.test('given a fresh installation', { timeout: 170_000 }, async (t) => {
  const installation = await start(t);
  const { url, key } = installation;
  const headers = { authorization: `Bearer ${key}` };
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  const usage = async () => (await request<Usage>(`${url}/api/subscription/usage`, { headers })).body.data;
  const explain = async (requestId: string) =>
    (await request<Explained>(`${url}/api/usage/requests/${requestId}`, { headers })).body;
  let spent = 0n;

  await t.test(
    'when the curl of the screen is pasted, then content comes, and headers say what it cost',
    async (t) => {
      const [line] = /-d '(.*)'/.exec(installation.output())?.slice(1) ?? [];
      const answer = await request<{ choices: { message: { content: string } }[] }>(
        `${url}/v1/chat/completions`,
        {
          headers: { ...headers, 'content-type': 'application/json' },
          body: line ?? '',
        },
      );
      t.equal(answer.status, 200);
      t.match(answer.body.choices[0]?.message.content, /sourdough/i);
      t.match(answer.headers.get('x-inkmeter-cost-usd'), /^0\.\d{9}$/);
      t.match(answer.headers.get('x-inkmeter-tokens'), /^\d+$/);
      t.equal(answer.headers.get('x-inkmeter-budget-state'), 'ok');
      t.match(answer.headers.get('ratelimit'), /^"[\w.]+\/\w+";r=\d+;t=\d+$/);
      t.match(answer.headers.get('ratelimit-policy'), /^"[\w.]+\/\w+";q=\d+/);
      const { calls, decision, hold } = await explain(answer.headers.get('x-request-id') ?? '');
      t.equal(decision.verdict, 'ok');
      t.equal(hold.state, 'closed');
      t.equal(calls.length, 1);
      spent += BigInt(calls[0]?.cost_nano_usd ?? 0);
    },
  );

  for (const [provider, model] of Object.entries(MODELS)) {
    await t.test(`when the openai package asks ${provider}, plain and streaming`, async (t) => {
      const plain = await openai.chat.completions
        .create({ model, messages: question('Why is ink blue?'), max_tokens: 60 })
        .withResponse();
      t.ok(plain.data.choices[0]?.message.content);
      const total = plain.data.usage?.total_tokens ?? 0;
      t.equal(plain.response.headers.get('x-inkmeter-tokens'), String(total), 'one truth about tokens');
      const one = await explain(plain.response.headers.get('x-request-id') ?? '');
      t.match(one.calls, [{ status: 'ok', usage_source: 'provider' }]);
      spent += BigInt(one.calls[0]?.cost_nano_usd ?? 0);

      const stream = await openai.chat.completions
        .create({
          model,
          messages: question('And why is it wet?'),
          stream: true,
          stream_options: { include_usage: true },
          max_tokens: 60,
        })
        .withResponse();
      let text = '';
      let usageTotal = 0;
      for await (const chunk of stream.data) {
        text += chunk.choices[0]?.delta.content ?? '';
        usageTotal = chunk.usage?.total_tokens ?? usageTotal;
      }
      t.ok(text.length > 20);
      const two = await explain(stream.response.headers.get('x-request-id') ?? '');
      const tokens = Object.values(two.calls[0]?.tokens ?? {}).reduce<number>(
        (sum, count) => sum + (count ?? 0),
        0,
      );
      t.equal(tokens, usageTotal, 'the stream reports the usage of the ledger');
      spent += BigInt(two.calls[0]?.cost_nano_usd ?? 0);
    });
  }

  await t.test(
    'when a request of the openai package fails, then it throws its own error classes',
    async (t) => {
      const create = (body: object) =>
        openai.chat.completions.create({ messages: question('x'), model: 'gpt-4o-mini', ...body });
      await t.rejects(create({ model: 'no-such-model' }), { status: 404, code: 'model_not_found' });
      await t.rejects(create({ model: 'gpt-5' }), { status: 403, code: 'model_not_in_plan' });
      await t.rejects(create({ messages: [] }), { status: 400, code: 'invalid_request' });
      await t.rejects(create({ service_tier: 'priority' }), { status: 400, code: 'unsupported_parameter' });
      const unauthenticated = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'ik_live_unknown', maxRetries: 0 });
      await t.rejects(unauthenticated.models.list(), { status: 401, code: 'invalid_api_key' });
      await t.rejects(create({ messages: question('x [[simulate: status=500]]') }), {
        status: 502,
        code: 'provider_error',
      });
      const models = await openai.models.list();
      t.ok(models.data.some(({ id }) => id === MODELS.anthropic));
      t.notOk(
        models.data.some(({ id }) => id === 'gpt-5'),
        'models beyond the plan are not offered',
      );
    },
  );

  await t.test('when the Vercel AI SDK asks, then it works too', async (t) => {
    const provider = createOpenAICompatible({
      name: 'inkmeter',
      baseURL: `${url}/v1`,
      apiKey: key,
      includeUsage: true,
    });
    const plain = await generateText({
      model: provider('gpt-4o-mini'),
      prompt: 'Say something about pens.',
      maxOutputTokens: 50,
    });
    t.ok(plain.text.length > 10);
    t.ok((plain.usage.totalTokens ?? 0) > 0);
    const streamed = streamText({
      model: provider(MODELS.anthropic),
      prompt: 'And about paper.',
      maxOutputTokens: 50,
    });
    let text = '';
    for await (const piece of streamed.textStream) text += piece;
    t.ok(text.length > 10);
    t.ok(((await streamed.usage).totalTokens ?? 0) > 0);
  });

  await t.test('when an article and posts are generated, then each step has a usage row', async (t) => {
    const answer = await request<Record<string, string>>(`${url}/api/generate`, {
      headers: { ...headers, accept: 'application/json' },
      body: { topic: 'fountain pens', content_types: ['blog', 'social'] },
    });
    t.equal(answer.status, 200);
    t.match(answer.body.content, /fountain pens/i);
    t.ok(answer.body.social_media_content);
    const { calls } = await explain(answer.headers.get('x-request-id') ?? '');
    // one of them moderates the topic
    t.equal(calls.length, 9);
    const { limits } = await usage();
    for (const meter of ['gen.blog', 'gen.social'])
      t.match(
        limits.find((limit) => limit.meter === meter),
        { used: '1' },
      );
  });

  await t.test('when a request is repeated under its Idempotency-Key, then it is charged once', async (t) => {
    const ask = () =>
      request<{ id: string }>(`${url}/v1/chat/completions`, {
        headers: { ...headers, 'idempotency-key': 'once' },
        body: { model: 'gpt-4o-mini', messages: question('Only once, please.') },
      });
    const first = await ask();
    const before = await usage();
    const again = await ask();
    t.equal(again.body.id, first.body.id);
    t.equal(again.headers.get('idempotent-replayed'), 'true');
    t.equal(again.headers.get('x-inkmeter-cost-usd'), first.headers.get('x-inkmeter-cost-usd'));
    t.strictSame((await usage()).limits, before.limits);
  });

  await t.test(
    'when a client generated from openapi.yaml runs, then it compiles and is served',
    async (t) => {
      const client = await generateClient(t);
      t.strictSame(await client.check(CLIENT_PROGRAM), []);
      t.ok(await client.run(CLIENT_PROGRAM, { BASE_URL: url, EMAIL: 'client@example.com' }));
    },
  );

  await t.test(
    'then the counters are the sum of the calls to the nano-USD, and nothing is held',
    async (t) => {
      let cursor: string | null = null;
      let sum = 0n;
      do {
        const page: { body: { data: Call[]; next_cursor: string | null } } = await request(
          `${url}/api/usage/requests?limit=100${cursor === null ? '' : `&cursor=${cursor}`}`,
          { headers },
        );
        const { data, next_cursor: next } = page.body;
        for (const call of data) sum += BigInt(call.cost_nano_usd);
        cursor = next;
      } while (cursor !== null);
      t.ok(sum >= spent && spent > 0n);
      const { limits } = await usage();
      t.equal(
        limits.find(({ meter, window }) => meter === 'cost' && window === 'period')?.used,
        sum.toString(),
      );
      for (const limit of limits) t.equal(limit.held, '0', `${limit.meter} a ${limit.window}`);
    },
  );

  await t.test('when Ctrl-C is pressed, then everything stops cleanly', async (t) => {
    installation.child.kill('SIGINT');
    const [code] = await once(installation.child, 'exit');
    t.equal(code, 0);
    await t.rejects(fetch(`${url}/health`));
  });
});
