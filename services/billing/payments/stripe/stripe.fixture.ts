/** Billing with a simulated Stripe account: webhooks over HTTP, jobs of a real worker, one clock for both. */
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import { createTestJobs, until } from '#libs/jobs/fixtures.ts';
import { createLogger } from '#libs/service/logger.ts';
import { type StripeSimulatorOptions, startStripeSimulator } from '#libs/simulators/stripe/server.ts';
import { click } from '#libs/simulators/stripe/stripe.fixture.ts';
import type { WebhookEndpoint } from '#libs/simulators/stripe/webhooks.ts';
import type { TestScope } from '#libs/testing/database.ts';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { createFakeClock, createFakeRandom } from '#libs/testing/runtime.ts';
import { callerWith, customer } from '../../customers.fixture.ts';
import { ACCOUNT, createTestService, DEFAULT_CATALOGUE, type TestService } from '../../fixtures.ts';
import { createStripe } from './connection.ts';
import { planPublication, publish } from './publish.ts';

export const SECRET = 'whsec_only_the_tests_of_billing_use_it';
export const RETURN_ORIGIN = 'https://app.example';
export const DAY_MS = 86_400_000;
export const HOUR_MS = 3_600_000;

export type StripeService = Awaited<ReturnType<typeof createStripeService>>;

export async function createStripeService(
  t: TestScope,
  options: {
    payload?: WebhookEndpoint['payload'];
    simulator?: Partial<StripeSimulatorOptions>;
    catalogue?: string;
  } = {},
) {
  let service: TestService | undefined;
  const waiting = createFakeClock();
  const endpoint = await listenServerOnFreePort(
    t,
    createServer(async (request, response) => {
      const body = (await buffer(request)).toString('utf8');
      const answer = await service?.call('POST', '/api/webhooks/stripe', {
        as: callerWith(),
        body,
        headers: {
          'content-type': 'application/json',
          'stripe-signature': String(request.headers['stripe-signature']),
        },
      });
      response.writeHead(answer?.status ?? 503).end();
    }),
  );
  const simulator = await startStripeSimulator({
    clock: { now: () => (service?.runtime.clock ?? waiting).now() },
    random: createFakeRandom(),
    webhooks: [{ url: endpoint, secrets: [SECRET], payload: options.payload ?? 'snapshot' }],
    ...options.simulator,
  });
  t.teardown(() => simulator.close());
  const { payments, ...stripe } = createStripe({
    secretKey: 'sk_test_simulated',
    webhookSecrets: [SECRET],
    host: simulator.url,
  });
  const catalogue = options.catalogue ?? DEFAULT_CATALOGUE;
  const parsed = parseCatalogue(catalogue);
  await publish(stripe.stripe, await planPublication(stripe.stripe, parsed));
  const built = await createTestService(t, catalogue, {
    payments,
    stripe,
    requestDays: 30,
    apiUrl: 'https://api.example',
    returnOrigins: [RETURN_ORIGIN],
  });
  service = built;
  const worker = createTestJobs(
    t,
    built.databaseUrl,
    built.tasks.filter(({ schedule }) => schedule === null),
  );
  worker.jobs.start();

  /** Until every delivery was made and every job has run. */
  async function settle(): Promise<void> {
    await simulator.flush();
    await until(async () => {
      const { rows } = await built.pool.query(
        `SELECT FROM graphile_worker.jobs WHERE task_identifier LIKE '%stripe%' OR task_identifier LIKE 'cancel-dup%'`,
      );
      return rows.length === 0;
    });
  }

  return {
    ...built,
    service: built,
    simulator,
    stripe: stripe.stripe,
    worker,
    settle,
    ada: customer(built),
    /** Both clocks move; what Stripe does in that time is delivered. */
    async advance(ms: number): Promise<void> {
      built.runtime.clock.advance(ms);
      await settle();
      // A cancellation of Stripe's may cause further events.
      await settle();
    },
    runTask: async (name: string) => {
      const task = built.tasks.find((one) => one.name === name);
      if (task === undefined) throw new Error(`There is no task ${name}.`);
      const logger = createLogger({ name: 'test', level: 'silent' });
      await task.run({}, { signal: new AbortController().signal, logger });
    },
    customerId: async (accountId: string = ACCOUNT) =>
      (await built.pool.query('SELECT customer_id FROM stripe_customers WHERE account_id = $1', [accountId]))
        .rows[0]?.customer_id as string,
  };
}

/** Buys a plan on the checkout page with a test card, and waits until billing knows. */
export async function subscribe({ ada, settle }: StripeService, body: object, card = '4242'): Promise<void> {
  const page = await ada.post<{ url: string }>('/api/billing/checkout', body);
  if (page.status !== 200) throw new Error(JSON.stringify(page.body));
  await click(page.body.url, { card });
  await settle();
}
