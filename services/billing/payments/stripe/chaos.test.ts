/** Customers under every fault at once end in exactly the state of a clean run. */
import t, { type Test } from 'tap';
import { createTestJobs } from '#libs/jobs/fixtures.ts';
import { click } from '#libs/simulators/stripe/stripe.fixture.ts';
import { addAccount, customer } from '../../customers.fixture.ts';
import { createStripeService, DAY_MS, HOUR_MS } from './stripe.fixture.ts';

const ACCOUNTS = 6;
const RESTARTS = 10;
const FAULTS = { shuffle: true, duplicate: 0.4, drop: 0.2, sameSecond: true, lostAnswers: 0.05 };

async function runCustomers(t: Test, isChaotic: boolean) {
  const stripe = await createStripeService(t);
  const { service, simulator, settle, advance, runTask, pool } = stripe;
  if (isChaotic) Object.assign(simulator.chaos, FAULTS);
  const accounts: string[] = [];
  for (let count = 0; count < ACCOUNTS; count += 1) accounts.push(await addAccount(service));
  const users = accounts.map((id) => customer(service, id));
  let { worker } = stripe;
  let restarts = 0;
  /** Ends the worker with jobs in its hands, as often as is left. */
  const restart = async () => {
    if (!isChaotic || restarts === RESTARTS) return;
    restarts += 1;
    await worker.jobs.stop();
    const tasks = service.tasks.filter(({ schedule }) => schedule === null);
    worker = createTestJobs(t, service.databaseUrl, tasks);
    worker.jobs.start();
  };

  for (const [index, user] of users.entries()) {
    const { body } = await user.post<{ url: string }>('/api/billing/checkout', {
      plan: index % 2 ? 'pro' : 'basic',
    });
    await click(body.url, { card: index === 0 ? '0341' : '4242' });
    void simulator.flush();
    await restart();
  }
  await runTask('poll-stripe-events');
  await settle();
  for (const user of users.slice(2)) {
    await user.upgrade('enterprise');
    void simulator.flush();
    await restart();
  }
  await users[3]?.post('/api/subscription/downgrade', { plan: 'basic' });
  await users[4]?.post('/api/subscription/cancel');
  await users[5]?.post('/api/billing/seats', { seats: 4 });
  await advance(30 * DAY_MS + 2 * HOUR_MS);
  await runTask('poll-stripe-events');
  await settle();
  await runTask('compare-stripe-subscriptions');
  t.equal((await pool.query('SELECT FROM stripe_drift')).rowCount, 0, 'billing agrees with Stripe');
  if (isChaotic) t.equal(restarts, RESTARTS);

  const { rows: waiting } = await pool.query('SELECT FROM stripe_inbox WHERE processed_at IS NULL');
  t.equal(waiting.length, 0, 'no event waits');
  return Promise.all(
    users.map(async (user, index) => {
      const { plan, status, access_ends_at, current_period, limits } = await user.current();
      const { rows: invoices } = await pool.query(
        'SELECT status, paid_minor FROM invoices WHERE account_id = $1 ORDER BY created_at, paid_minor',
        [accounts[index]],
      );
      const kinds = (await user.kinds()).filter((kind) => kind !== 'resumed').sort();
      return { plan, status, access_ends_at, current_period, limits, invoices, kinds };
    }),
  );
}

t.test(
  'given lost, doubled and shuffled events, lost answers, and a worker that is ended ten times',
  async (t) => {
    const clean = await runCustomers(t, false);
    t.match(
      clean.map(({ plan, status }) => [plan, status]),
      [
        ['basic', 'past_due'],
        ['pro', 'active'],
        ['enterprise', 'active'],
        ['basic', 'active'],
        ['free', 'active'],
        ['enterprise', 'active'],
      ],
    );
    t.strictSame(await runCustomers(t, true), clean);
  },
);
