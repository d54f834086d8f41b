/** Services with social publishing and the knowledge base, on the plans of a real catalogue. */
import { readFileSync } from 'node:fs';
import type { Pool } from 'pg';
import { parse, stringify } from 'yaml';
import { type EntitlementInput, entitlementsAt } from '#libs/catalogue/entitlements.ts';
import { limitTimeline } from '#libs/catalogue/limit-timeline.ts';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import { createPlanSuggestions } from '#libs/clients/plan-suggestions.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { createTestJobs } from '#libs/jobs/fixtures.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import type { ProviderSimulator } from '#libs/simulators/provider-simulator.ts';
import type { PublishedPost } from '#libs/simulators/social.ts';
import type { TestScope } from '#libs/testing/database.ts';
import { request } from '#libs/testing/http.ts';
import { createFakeRuntime, type FakeClock } from '#libs/testing/runtime.ts';
import { createTestCall, signedContext, type TestCall, type TestResponse } from '#libs/testing/service.ts';
import type { AppOptions } from '../app.ts';
import { ACCOUNT, OTHER_ACCOUNT, startTestInstances } from '../fixtures.ts';

export { ACCOUNT, OTHER_ACCOUNT };
export const SOME_ID = '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e';

const user: Caller = {
  accountId: ACCOUNT,
  userId: '0190a1b2-0000-7000-8000-00000000b001',
  keyId: null,
  workspaceId: null,
  role: 'member',
  platformRole: 'none',
  scopes: ['*'],
};

// biome-ignore lint/suspicious/noExplicitAny: tests assert what they expect of a body
export type Answer = TestResponse<any>;

export type TestSocial = {
  url: string;
  pool: Pool;
  ledger: Ledger;
  clock: FakeClock;
  simulator: ProviderSimulator;
  /** Everything logged so far. */
  log: () => string;
  /** The header that identifies the caller: a member of the account by default. */
  sign: (method: string, path: string, as?: Partial<Caller>) => Record<string, string>;
  /** Moves an account to a plan, whose limits apply at once. */
  setPlan: (plan: string, accountId?: string) => Promise<void>;
  /** Each call goes to the next instance, as a member of the account unless `as` says otherwise; null signs nothing. */
  call: TestCall<Partial<Caller> | null>;
  /** The account's counter of a meter, in the total window by default. */
  counter: (meter: string, window?: string) => Promise<{ used: bigint; held: bigint } | undefined>;
  /** Runs the tasks that publish, for every post and on every instance at once. */
  publishDue: () => Promise<void>;
  /** Runs a task on every instance at once. */
  runEverywhere: (name: string, payload?: object) => Promise<void>;
  /** Starts a worker with the tasks of each instance. */
  startWorkers: () => void;
  /** The posts that the network has received. */
  published: () => Promise<PublishedPost[]>;
};

export async function createTestSocial(
  t: TestScope,
  options: {
    catalogue?: string;
    plan?: string;
    instances?: number;
    variables?: Record<string, string>;
    /** A limit that the plan has in addition to those of the catalogue. */
    limit?: object;
  } = {},
): Promise<TestSocial> {
  const { catalogue = 'lily', plan = 'pro', instances = 1, variables = {}, limit } = options;
  const runtime = createFakeRuntime();
  let billing = undefined as unknown as ReturnType<typeof createTestBilling>;
  const { generations, urls, pool, databaseUrl, ledger, simulator, logger, lines } = await startTestInstances(
    t,
    {
      env: variables,
      instances,
      runtime,
      entitlements: (ledger) => {
        billing = createTestBilling(ledger, readCatalogue(catalogue, plan, limit));
        return billing.entitlements;
      },
    },
  );
  for (const accountId of [ACCOUNT, OTHER_ACCOUNT]) await billing.setPlan(plan, accountId);
  const identify = signedContext('generation', runtime.clock);
  const sign: TestSocial['sign'] = (method, path, as = {}) => identify({ ...user, ...as }, { method, path });
  const instanceCalls = generations.map(({ app }) =>
    createTestCall<Partial<Caller> | null>(app, (as, { method, path }) =>
      as === null ? {} : sign(method, path, as),
    ),
  );
  let calls = 0;

  return {
    url: urls[0] ?? '',
    sign,
    pool,
    ledger,
    clock: runtime.clock,
    simulator,
    log: () => JSON.stringify(lines),
    setPlan: (next, accountId = ACCOUNT) => billing.setPlan(next, accountId),
    call(method, url, { as = {}, ...options } = {}) {
      calls += 1;
      const callInstance = instanceCalls[calls % instances] as TestSocial['call'];
      return callInstance(method, url, { as, ...options });
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
    async runEverywhere(name, payload = {}) {
      const context = { signal: new AbortController().signal, logger };
      await Promise.all(
        generations.map(({ tasks }) => tasks.find((task) => task.name === name)?.run(payload, context)),
      );
    },
    startWorkers() {
      for (const { tasks } of generations) createTestJobs(t, databaseUrl, tasks).jobs.start();
    },
    async published() {
      const { body } = await request<{ posts: PublishedPost[] }>(`${simulator.url}/social/v1/posts`);
      return body.posts;
    },
  };
}

function readCatalogue(name: string, planKey: string, limit: object | undefined): Catalogue {
  const text = readFileSync(new URL(`../../../deploy/catalogues/${name}.yaml`, import.meta.url), 'utf8');
  const file = parse(text) as { plans: { key: string; limits: object[] }[] };
  if (limit !== undefined) file.plans.find(({ key }) => key === planKey)?.limits.push(limit);
  return parseCatalogue(stringify(file));
}

/** Billing, as far as posts and files need it. */
function createTestBilling(ledger: Ledger, catalogue: Catalogue) {
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
    catalogueOf: async () => catalogue,
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
