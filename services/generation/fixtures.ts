/** The service as tests run it: real PostgreSQL, real HTTP, real SDKs, and the provider simulator behind them. */
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { Agent } from 'undici';
import { loadConfig } from '#libs/config/config.ts';
import {
  type CallPlan,
  encodeGenerationRequest,
  GENERATION_PATHS,
  GENERATION_REQUEST_TYPE,
  type GenerationRequestHead,
  type JobTerms,
  type PlannedCall,
} from '#libs/contracts/generation-requests.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { PlanContext } from '#libs/contracts/requirements.ts';
import { SEARCH_PROVIDERS } from '#libs/contracts/search.ts';
import { createListener } from '#libs/db/listen.ts';
import { testSegment } from '#libs/ledger/fixtures.ts';
import { createLedger, type Ledger } from '#libs/ledger/ledger.ts';
import { worstCaseOf } from '#libs/pipelines/meters.ts';
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';
import { createLogger, type Logger } from '#libs/service/logger.ts';
import { createMetrics, type Metrics } from '#libs/service/metrics.ts';
import { type Runtime, systemRuntime } from '#libs/service/runtime.ts';
import { type ProviderSimulator, startProviderSimulator } from '#libs/simulators/provider-simulator.ts';
import { createTestDatabase, type TestScope } from '#libs/testing/database.ts';
import { listenOnFreePort, listenServerOnFreePort } from '#libs/testing/http.ts';
import { INTERNAL_KEYS_TEXT, signedContext, testIdentity } from '#libs/testing/service.ts';
import { type AppOptions, buildApp, type Generation } from './app.ts';
import { configSchema, type GenerationConfig, toGenerationConfig } from './config.ts';

export const ACCOUNT = '0190a1b2-0000-7000-8000-00000000a001';
export const OTHER_ACCOUNT = '0190a1b2-0000-7000-8000-00000000a002';

export const CALLER: Caller = {
  accountId: ACCOUNT,
  userId: '0190a1b2-0000-7000-8000-00000000b001',
  keyId: '0190a1b2-0000-7000-8000-00000000c001',
  workspaceId: null,
  role: 'owner',
  platformRole: 'none',
  scopes: ['*'],
};

/** Pico-USD per token; round figures are easy to multiply. */
export const PRICES = {
  input: 1_000_000n,
  cache_read: 100_000n,
  cache_write: 1_250_000n,
  output: 2_000_000n,
  reasoning: 3_000_000n,
};

/** Pico-USD: 4 cents an image. */
export const IMAGE_PRICE = 40_000_000_000n;

export function priceOf(provider: string, model: string): ModelPriceWire {
  return priceWire(provider, model, PRICES);
}

export function imagePriceOf(provider: string, model: string): ModelPriceWire {
  return priceWire(provider, model, { image: IMAGE_PRICE });
}

function priceWire(provider: string, model: string, prices: Record<string, bigint>): ModelPriceWire {
  const pico_usd_per_unit = Object.fromEntries(
    Object.entries(prices).map(([name, pico]) => [name, pico.toString()]),
  );
  return {
    provider,
    model,
    version: `${provider}/${model}@2026-01-01T00:00:00.000Z`,
    tiers: [{ from_input_tokens: 0, pico_usd_per_unit }],
  };
}

export const MODELS = {
  openai: 'gpt-4o',
  xai: 'grok-3',
  mistral: 'mistral-small-latest',
  ollama: 'llama3.2',
  anthropic: 'claude-haiku-4-5',
  gemini: 'gemini-2.0-flash',
} as const;
export type TestProvider = keyof typeof MODELS;

export function chatPlan(provider: TestProvider = 'openai', more: Partial<PlannedCall> = {}): CallPlan {
  const model = MODELS[provider];
  const call: PlannedCall = {
    index: 0,
    step: 'chat',
    provider,
    model,
    upstreamModel: model,
    inputTokens: 500,
    outputTokens: 60,
    choices: 1,
    otherUnits: {},
    counts: {},
    price: priceOf(provider, model),
    hiddenReasoning: false,
    ...more,
  };
  return { kind: 'chat', calls: [call] };
}

export type UsageRow = {
  call_index: number;
  step: string;
  provider: string;
  status: string;
  error_code: string | null;
  usage_source: string;
  overrun: boolean;
  input_tokens: number | null;
  cache_read_tokens: number | null;
  output_tokens: number | null;
  reasoning_tokens: number | null;
  cost_nano_usd: bigint;
  attempts: number;
  request_bytes: number;
  response_bytes: number;
  first_byte_ms: number | null;
  provider_request_id: string | null;
  meters: string[];
  amounts: bigint[];
};

/** A request with its hold, as the gateway would send it. */
export type HeldRequest = { requestId: string; headers: Record<string, string> };

/** Carries the head of a request to the bridge. */
const HEAD_HEADER = 'x-test-head';

export type TestGeneration = Generation &
  TestInstances & {
    url: string;
    /** Accepts generation requests over HTTP, with the headers of `admit`; see {@link startBridge}. */
    workUrl: string;
    /** Holds what a plan needs, as the gateway does. */
    admit: (
      plan: CallPlan,
      options?: {
        storeResponse?: boolean;
        ttlMs?: number;
        caller?: Caller;
        planContext?: PlanContext;
        terms?: JobTerms;
      },
    ) => Promise<HeldRequest>;
    /** The header that identifies the gateway and a caller, for a URL or path of the service. */
    sign: (url: string, options?: { method?: string; caller?: Caller }) => Record<string, string>;
    rows: (requestId: string) => Promise<UsageRow[]>;
    /** Waits until the hold is closed. @returns its final state. */
    holdState: (requestId: string) => Promise<string>;
    /** The account's counters by meter. */
    counters: () => Promise<Record<string, { used: bigint; held: bigint }>>;
  };

const METERS = ['cost', 'tokens.total', 'api.requests', 'gen.blog', 'gen.social', 'images'];

export type TestInstances = {
  /** One service, or several over one database. */
  generations: Generation[];
  urls: string[];
  pool: Pool;
  ledger: Ledger;
  metrics: Metrics;
  simulator: ProviderSimulator;
  databaseUrl: string;
  logger: Logger;
  /** Lines logged so far. */
  lines: Record<string, unknown>[];
  /** Resolves when the condition holds; it is checked again after every line of the log. */
  logged: (condition: () => boolean) => Promise<void>;
  /** Emits `closed` when a hold may have been closed. */
  ledgerEvents: EventEmitter;
};

/** Starts the service as it runs in production, on real PostgreSQL and against the simulator. */
export async function startTestInstances(
  t: TestScope,
  options: {
    env?: Record<string, string>;
    instances?: number;
    runtime?: Runtime;
    /** Where given, social publishing and the knowledge base are served. */
    entitlements?: (ledger: Ledger) => NonNullable<AppOptions['entitlements']>;
  } = {},
): Promise<TestInstances> {
  const { env = {}, instances = 1, runtime = systemRuntime } = options;
  const { pool, url: databaseUrl } = await createTestDatabase(t);
  const simulator = await startProviderSimulator();
  const config = testConfig(databaseUrl, simulator.url, temporaryFolder(t), env);
  const { lines, logger, logged } = createTestLog();
  const { ledger, ledgerEvents } = observeLedger(createLedger({ pool }));
  const entitlements = options.entitlements?.(ledger);
  const listener = createListener({ connectionString: databaseUrl, applicationName: 'test-listen' });
  const identity = testIdentity('generation', runtime.clock);
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
  const metrics = createMetrics({ service: 'generation', processMetrics: false });
  const generations = Array.from({ length: instances }, (_, instance) =>
    buildApp({
      config,
      runtime,
      logger,
      metrics: instance === 0 ? metrics : createMetrics({ service: 'generation', processMetrics: false }),
      pool,
      ledger: instance === 0 ? ledger : createLedger({ pool }),
      listener,
      identity,
      dispatcher,
      ...(entitlements && { entitlements }),
    }),
  );
  t.teardown(async () => {
    await listener.close();
    await dispatcher.destroy();
    // a test may have closed it already
    await simulator.close().catch(() => undefined);
  });
  const urls = await Promise.all(generations.map(({ app }) => listenOnFreePort(t, app)));
  return {
    generations,
    urls,
    pool,
    ledger,
    metrics,
    simulator,
    databaseUrl,
    logger,
    lines,
    logged,
    ledgerEvents,
  };
}

export function testConfig(
  databaseUrl: string,
  simulatorUrl: string,
  spoolFolder: string,
  env: Record<string, string> = {},
): GenerationConfig {
  return toGenerationConfig(
    loadConfig(configSchema, {
      DATABASE_URL: databaseUrl,
      INTERNAL_KEYS: INTERNAL_KEYS_TEXT,
      SOCIAL_PUBLISHER_URL: `${simulatorUrl}/social/v1`,
      NOTION_BASE_URL: `${simulatorUrl}/notion`,
      HUBSPOT_BASE_URL: `${simulatorUrl}/hubspot`,
      ENCRYPTION_KEYS: 'k'.repeat(43),
      ...providerEnvironment(simulatorUrl),
      PROVIDER_RETRY_DELAY: '5ms',
      EVENT_LOOP_DELAY_LIMIT: '0ms',
      SPOOL_DIR: spoolFolder,
      MEDIA_DIR: path.join(spoolFolder, 'media'),
      ...env,
    }),
  );
}

function temporaryFolder(t: TestScope): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'inkmeter-spool-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function createTestLog() {
  const lines: Record<string, unknown>[] = [];
  const events = new EventEmitter();
  const logger = createLogger({
    name: 'test',
    level: 'debug',
    destination: {
      write(line) {
        lines.push(JSON.parse(line));
        events.emit('line');
      },
    },
  });
  async function logged(condition: () => boolean): Promise<void> {
    while (!condition()) await once(events, 'line');
  }
  return { lines, logger, logged };
}

const POLL_MS = 50;

/** A ledger that reports when it may have closed a hold. */
function observeLedger(ledger: Ledger): { ledger: Ledger; ledgerEvents: EventEmitter } {
  const ledgerEvents = new EventEmitter().setMaxListeners(0);
  const report = <Result>(result: Promise<Result>) => result.finally(() => ledgerEvents.emit('closed'));
  return {
    ledgerEvents,
    ledger: {
      ...ledger,
      settle: (request, tx) => report(ledger.settle(request, tx)),
      close: (hold, tx) => report(ledger.close(hold, tx)),
    },
  };
}

export async function createTestGeneration(
  t: TestScope,
  env: Record<string, string> = {},
): Promise<TestGeneration> {
  const instances = await startTestInstances(t, { env });
  const { pool, ledger, ledgerEvents } = instances;
  const [generation] = instances.generations as [Generation];
  const [url] = instances.urls as [string];
  for (const accountId of [ACCOUNT, OTHER_ACCOUNT]) await openBalances(ledger, accountId);

  const identify = signedContext('generation', systemRuntime.clock);
  const sign: TestGeneration['sign'] = (target, { method = 'GET', caller = CALLER } = {}) => {
    const { pathname, search } = new URL(target, url);
    return identify(caller, { method, path: pathname + search });
  };

  return {
    ...instances,
    ...generation,
    url,
    workUrl: await startBridge(t, url, sign),
    sign,
    async admit(plan, { storeResponse = false, ttlMs = 60_000, caller = CALLER, planContext, terms } = {}) {
      const requestId = systemRuntime.newId();
      const hold = await holdFor(ledger, plan, requestId, ttlMs, caller);
      const head: GenerationRequestHead = {
        requestId,
        caller,
        plan,
        storeResponse,
        holdExpiresAtMs: hold.expiresAt.getTime(),
        ...(planContext && { planContext }),
        ...(terms && { terms }),
      };
      return { requestId, headers: { [HEAD_HEADER]: JSON.stringify(head) } };
    },
    async rows(requestId) {
      const { rows } = await pool.query<UsageRow>(
        `SELECT *, input_tokens::integer, cache_read_tokens::integer, output_tokens::integer, reasoning_tokens::integer
           FROM usage_events WHERE hold_id = $1 ORDER BY call_index`,
        [requestId],
      );
      return rows;
    },
    async holdState(requestId) {
      for (;;) {
        const closed = once(ledgerEvents, 'closed');
        const { rows } = await pool.query('SELECT state FROM ledger_holds WHERE id = $1', [requestId]);
        if (rows[0]?.state !== 'open') return rows[0]?.state;
        // What is settled in a transaction is seen only after its commit.
        await Promise.race([closed, delay(POLL_MS)]);
      }
    },
    async counters() {
      const { rows } = await pool.query(
        'SELECT meter, used, held FROM ledger_counters WHERE account_id = $1',
        [ACCOUNT],
      );
      return Object.fromEntries(rows.map(({ meter, used, held }) => [meter, { used, held }]));
    },
  };
}

/**
 * Puts the head that `admit` made in front of a client's body, as the gateway does, so that tests send plain bodies. It
 * disconnects when its client disconnects.
 */
/** Accepts generation requests over HTTP as the gateway has them, and sends them on as the gateway does. */
export async function startBridge(t: TestScope, url: string, sign: TestGeneration['sign']): Promise<string> {
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const { accept, traceparent, [HEAD_HEADER]: headJson } = request.headers;
    const head: GenerationRequestHead = { ...JSON.parse(String(headJson)), accept };
    const { requestId, caller } = head;
    const path = GENERATION_PATHS[head.plan.kind];
    const upstream = httpRequest(`${url}${path}`, {
      method: 'POST',
      headers: {
        'content-type': GENERATION_REQUEST_TYPE,
        'x-request-id': requestId,
        ...sign(path, { method: 'POST', caller }),
        ...(traceparent !== undefined && { traceparent }),
      },
    });
    upstream.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers).flushHeaders();
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    });
    upstream.on('error', () => response.destroy());
    response.on('close', () => upstream.destroy());
    upstream.end(encodeGenerationRequest(head, JSON.stringify(head.plan), body));
  });
  return await listenServerOnFreePort(t, server);
}

function providerEnvironment(simulatorUrl: string): Record<string, string> {
  const env: Record<string, string> = {};
  for (const provider of Object.keys(MODELS)) {
    const path = ['anthropic', 'gemini'].includes(provider) ? provider : `${provider}/v1`;
    env[`${provider.toUpperCase()}_API_KEY`] = 'sk-test';
    env[`${provider.toUpperCase()}_BASE_URL`] = `${simulatorUrl}/${path}`;
  }
  for (const provider of SEARCH_PROVIDERS) {
    env[`${provider.toUpperCase()}_API_KEY`] = 'sk-test';
    env[`${provider.toUpperCase()}_BASE_URL`] = `${simulatorUrl}/${provider}`;
  }
  env.STABILITY_API_KEY = 'sk-test';
  env.STABILITY_BASE_URL = `${simulatorUrl}/stability`;
  return env;
}

async function openBalances(ledger: Ledger, accountId: string): Promise<void> {
  await ledger.setLimits({
    accountId,
    anchor: new Date('2026-01-01T00:00:00Z'),
    periodMonths: 1,
    segments: METERS.map((meter) => testSegment({ meter, amount: { kind: 'n', n: 10n ** 15n } })),
  });
}

async function holdFor(ledger: Ledger, plan: CallPlan, id: string, ttlMs: number, caller: Caller) {
  const { accountId, userId, keyId, workspaceId } = caller;
  const answer = await ledger.hold({
    id,
    accountId,
    userId,
    keyId,
    workspaceId,
    ttlMs,
    meters: worstCaseOf(plan),
    targets: [],
    detail: '{}',
    keepRefusal: true,
  });
  if (answer.verdict !== 'ok') throw new Error(`The test's hold was refused: ${answer.verdict}`);
  return answer;
}
