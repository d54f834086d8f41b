/** Processes that serve posts and files, over one database, real HTTP, and the simulator as the publisher. */
import { readFileSync } from 'node:fs';
import type { Pool } from 'pg';
import { Agent } from 'undici';
import { createContextSigner } from '#libs/auth/internal-context.ts';
import { type EntitlementInput, entitlementsAt } from '#libs/catalogue/entitlements.ts';
import { limitTimeline } from '#libs/catalogue/limit-timeline.ts';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import { createPlanSuggestions } from '#libs/clients/plan-suggestions.ts';
import { loadConfig } from '#libs/config/config.ts';
import { type Caller, INTERNAL_CONTEXT_HEADER } from '#libs/contracts/internal-context.ts';
import { createListener } from '#libs/db/listen.ts';
import { createLedger, type Ledger } from '#libs/ledger/ledger.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createMetrics } from '#libs/service/metrics.ts';
import { type ProviderSimulator, startProviderSimulator } from '#libs/simulators/provider-simulator.ts';
import type { PublishedPost } from '#libs/simulators/social.ts';
import { createTestDatabase, type TestScope } from '#libs/testing/database.ts';
import { type HttpResponse, listenOnFreePort, request } from '#libs/testing/http.ts';
import { createFakeRuntime, type FakeClock } from '#libs/testing/runtime.ts';
import { type AppOptions, buildApp } from '../app.ts';
import { configSchema, toGenerationConfig } from '../config.ts';

const SECRET = 'a secret that only tests know of and no one else';

export const ACCOUNT = '0190a1b2-0000-7000-8000-00000000a001';
export const OTHER_ACCOUNT = '0190a1b2-0000-7000-8000-00000000a002';
export const SOME_ID = '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e';

const person: Caller = {
  accountId: ACCOUNT,
  userId: '0190a1b2-0000-7000-8000-00000000b001',
  keyId: null,
  workspaceId: null,
  role: 'member',
  platformRole: 'none',
  scopes: ['*'],
};

// biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it
export type Answer = HttpResponse<any>;

export type TestSocial = {
  url: string;
  pool: Pool;
  ledger: Ledger;
  clock: FakeClock;
  simulator: ProviderSimulator;
  /** Every line logged so far. */
  log: () => string;
  /** The header that says who calls: a person of the account, unless otherwise said. */
  sign: (as?: Partial<Caller>) => Record<string, string>;
  /** Puts an account on a plan, with the limits of it in force at once. */
  setPlan: (plan: string, accountId?: string) => Promise<void>;
  call: (
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    options?: { body?: unknown; as?: Partial<Caller> | null },
  ) => Promise<Answer>;
  /** What the account has used and holds of a meter in its total window or in another. */
  counter: (meter: string, window?: string) => Promise<{ used: bigint; held: bigint } | undefined>;
  /** Runs the tasks that publish, for every post and on every instance at once. */
  publishDue: () => Promise<void>;
  /** What the network has seen. */
  published: () => Promise<PublishedPost[]>;
};

export async function createTestSocial(
  t: TestScope,
  options: {
    catalogue?: string;
    plan?: string;
    instances?: number;
    variables?: Record<string, string>;
  } = {},
): Promise<TestSocial> {
  const { catalogue = 'lily', plan = 'pro', instances = 1, variables = {} } = options;
  const { pool, url: databaseUrl } = await createTestDatabase(t);
  const simulator = await startProviderSimulator();
  const runtime = createFakeRuntime();
  const { now } = runtime.clock;
  const signer = createContextSigner({ secrets: [SECRET], now });
  const dispatcher = new Agent();
  const lines: string[] = [];
  const logger = createLogger({
    name: 'test',
    level: 'debug',
    destination: { write: (line) => void lines.push(line) },
  });
  const ledger = createLedger({ pool });
  const billing = billingOf(ledger, catalogue);
  const listener = createListener({ connectionString: databaseUrl, applicationName: 'test-listen' });
  const generations = Array.from({ length: instances }, () =>
    buildApp({
      config: toGenerationConfig(
        loadConfig(configSchema, {
          DATABASE_URL: databaseUrl,
          INTERNAL_SECRETS: SECRET,
          EVENT_LOOP_DELAY_LIMIT: '0ms',
          SOCIAL_PUBLISHER_URL: `${simulator.url}/social/v1`,
          ...variables,
        }),
      ),
      runtime,
      logger,
      metrics: createMetrics({ service: 'generation', processMetrics: false }),
      pool,
      ledger: createLedger({ pool }),
      listener,
      signer,
      dispatcher,
      entitlements: billing.entitlements,
    }),
  );
  t.teardown(async () => {
    await listener.close();
    await dispatcher.destroy();
    // a test may have closed it already
    await simulator.close().catch(() => undefined);
  });
  const urls = await Promise.all(generations.map(({ app }) => listenOnFreePort(t, app)));
  for (const accountId of [ACCOUNT, OTHER_ACCOUNT]) await billing.setPlan(plan, accountId);
  let calls = 0;

  const sign = (as: Partial<Caller> = {}) => {
    const exp = Math.floor(now().getTime() / 1000) + 60;
    const context = { caller: { ...person, ...as }, requestId: runtime.newId(), exp };
    return { [INTERNAL_CONTEXT_HEADER]: signer.sign(context) };
  };

  return {
    url: urls[0] ?? '',
    sign,
    pool,
    ledger,
    clock: runtime.clock,
    simulator,
    log: () => lines.join(''),
    setPlan: (next, accountId = ACCOUNT) => billing.setPlan(next, accountId),
    call(method, path, { body, as = {} } = {}) {
      calls += 1;
      const url = urls[calls % urls.length];
      return request(`${url}${path}`, { method, body, headers: as === null ? {} : sign(as) });
    },
    async counter(meter, window = 'total') {
      const { rows } = await pool.query(
        `SELECT used, held FROM ledger_counters WHERE account_id = $1 AND meter = $2 AND win = $3`,
        [ACCOUNT, meter, window],
      );
      return rows[0];
    },
    async publishDue() {
      const { rows } = await pool.query('SELECT id, account_id FROM social_posts');
      const context = { signal: new AbortController().signal, logger };
      await Promise.all(
        generations.map(async ({ tasks }) => {
          const run = (name: string, payload: object) =>
            tasks.find((task) => task.name === name)?.run(payload, context);
          await run('publish-due-posts', {});
          for (const { id, account_id } of rows)
            await run('publish-post', { postId: id, accountId: account_id });
        }),
      );
    },
    async published() {
      const { body } = await request<{ posts: PublishedPost[] }>(`${simulator.url}/social/v1/posts`);
      return body.posts;
    },
  };
}

/** Billing, as far as posts and files ask it. */
function billingOf(ledger: Ledger, name: string) {
  const text = readFileSync(new URL(`../../../deploy/catalogues/${name}.yaml`, import.meta.url), 'utf8');
  const catalogue = parseCatalogue(text);
  const plans = new Map<string, string>();
  const inputOf = (accountId: string): EntitlementInput => ({
    catalogue,
    catalogueVersion: SOME_ID,
    accountId,
    segments: [],
    seats: null,
    overrides: [],
    guardRails: [],
    flags: [],
    subscription: {
      planKey: plans.get(accountId) ?? catalogue.defaultPlan,
      status: 'active',
      trialEndsAt: null,
      accessEndsAt: null,
    },
  });
  const entitlements: NonNullable<AppOptions['entitlements']> = {
    get: async (accountId) => entitlementsAt(inputOf(accountId), new Date()),
    suggestPlans: createPlanSuggestions(async () => catalogue),
    listen: async () => () => {},
  };
  return {
    entitlements,
    async setPlan(plan: string, accountId: string) {
      plans.set(accountId, plan);
      const segments = limitTimeline(inputOf(accountId), new Date());
      await ledger.setLimits({ accountId, anchor: new Date('2026-01-01'), periodMonths: 1, segments });
    },
  };
}
