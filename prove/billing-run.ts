/** Customers of Stripe's simulator, and the processes that follow what they do. */
import { randomUUIDv7 } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startWithStripe } from '#deploy/local/stripe-processes.fixture.ts';
import { createStripeClient } from '#services/billing/payments/stripe/client.ts';

const QUIET_TIMEOUT_MS = 600_000;
const POLL_MS = 200;
const DAY_MS = 86_400_000;

/** What billing holds of an account. Times are days since the start. */
export type AccountOutcome = Record<string, unknown>;

export type BillingRun = Awaited<ReturnType<typeof startBillingRun>>;

export async function startBillingRun(count: number) {
  const folder = mkdtempSync(path.join(tmpdir(), 'inkmeter-prove-billing-'));
  const endings: (() => unknown)[] = [];
  const stop = async () => {
    for (const end of endings.splice(0).reverse()) await end();
    rmSync(folder, { recursive: true, force: true });
  };
  const installation = await startWithStripe({
    teardown: (end) => void endings.push(end),
    testdir: () => folder,
  });
  const { pool, stripeUrl, advance, kill } = installation;
  const stripe = createStripeClient({ secretKey: 'sk_test_simulated', host: stripeUrl });
  const startedAt = Date.now();
  /** On the moved clock. */
  let endedAt = new Date(startedAt);
  const accountIds = Array.from({ length: count }, () => randomUUIDv7());
  const subscriptions: { id: string; item: string; customer: string }[] = [];
  const priceOf = async (key: string) => {
    const { data } = await stripe.prices.list({ lookup_keys: [`inkmeter:${key}:month`] });
    return data[0]?.id ?? '';
  };
  const [basic, pro] = [await priceOf('basic'), await priceOf('pro')];

  async function subscribe(): Promise<void> {
    await pool.query(
      `INSERT INTO accounts (id, name, created_at) SELECT unnest($1::uuid[]), 'Proof', now()`,
      [accountIds],
    );
    for (const [index, account] of accountIds.entries()) {
      const { id: customer } = await stripe.customers.create({ metadata: { account } });
      await stripe.paymentMethods.attach('pm_card_visa', { customer });
      const items = [{ price: index % 2 === 0 ? basic : pro }];
      const made = await stripe.subscriptions.create({ customer, items, billing_mode: { type: 'flexible' } });
      subscriptions.push({ id: made.id, item: made.items.data[0]?.id ?? '', customer });
    }
  }

  /** In each of three months a third of the customers does something: a card fails, seats, an end, another plan. */
  async function changeTerms(month: number): Promise<void> {
    for (const [index, subscription] of subscriptions.entries()) {
      if (month === 1 + (index % 3)) await changeOne(index, subscription);
    }
  }

  async function changeOne(index: number, { id, item, customer }: (typeof subscriptions)[number]) {
    const terms = { proration_behavior: 'none' as const };
    if (index % 5 === 0) await stripe.paymentMethods.attach('pm_card_chargeCustomerFail', { customer });
    if (index % 5 === 1)
      await stripe.subscriptions.update(id, { items: [{ id: item, quantity: 4 }], ...terms });
    if (index % 5 === 2) await stripe.subscriptions.update(id, { cancel_at_period_end: true });
    if (index % 5 === 3)
      await stripe.subscriptions.update(id, { items: [{ id: item, price: pro }], ...terms });
  }

  async function setFaults(faults: Record<string, string>): Promise<void> {
    await fetch(`${stripeUrl}/_simulator/chaos`, { method: 'POST', body: new URLSearchParams(faults) });
  }

  /** Ends billing at once. Its claims on jobs are as old as they would be 20 seconds later, when they are freed. */
  async function killBilling(): Promise<void> {
    kill('billing');
    for (const table of ['_private_jobs', '_private_job_queues']) {
      await pool.query(
        `UPDATE graphile_worker.${table} SET locked_at = locked_at - interval '1 minute' WHERE locked_at IS NOT NULL`,
      );
    }
  }

  /** Lets the missed events be polled, and waits until everything is applied. */
  async function settle(ms: number): Promise<void> {
    await isReady();
    const since = await advance(ms);
    endedAt = since;
    const deadline = AbortSignal.timeout(QUIET_TIMEOUT_MS);
    while (!(await isQuiet(since))) {
      if (deadline.aborted) throw new Error(`Billing is not done within ${QUIET_TIMEOUT_MS / 1000} s.`);
      await delay(POLL_MS);
    }
  }

  async function isReady(): Promise<void> {
    while ((await installation.call('/api/plans/available', null)).status !== 200) await delay(POLL_MS);
  }

  /** A repetition that waits for its time runs now. */
  async function isQuiet(since: Date): Promise<boolean> {
    await pool.query(
      `UPDATE graphile_worker._private_jobs SET run_at = now()
        WHERE run_at > now() AND locked_at IS NULL AND key LIKE '%stripe%'`,
    );
    const { rows } = await pool.query<{ quiet: boolean }>(
      `SELECT NOT EXISTS (SELECT FROM stripe_inbox WHERE processed_at IS NULL)
          AND NOT EXISTS (SELECT FROM graphile_worker.jobs
                           WHERE task_identifier IN ('process-stripe-events', 'sync-stripe-object') AND attempts < max_attempts)
          AND EXISTS (SELECT FROM stripe_progress WHERE name = 'events' AND reached_at >= $1::timestamptz) AS quiet`,
      [since],
    );
    return rows[0]?.quiet ?? false;
  }

  async function result() {
    const { rows: counts } = await pool.query<{ events: number; waiting: number; reconciled: number }>(
      `SELECT count(*)::int AS events, count(*) FILTER (WHERE processed_at IS NULL)::int AS waiting,
              count(*) FILTER (WHERE source = 'reconciliation')::int AS reconciled FROM stripe_inbox`,
    );
    const accounts: AccountOutcome[] = [];
    for (const id of accountIds) {
      const { rows } = await pool.query<AccountOutcome>(OUTCOME_SQL, [
        id,
        new Date(startedAt),
        DAY_MS / 1000,
        endedAt,
      ]);
      accounts.push(rows[0] ?? {});
    }
    const { events = 0, waiting = 0, reconciled = 0 } = counts[0] ?? {};
    return { accounts, events, waiting, reconciled };
  }

  return {
    subscribe,
    changeTerms,
    setFaults,
    settle,
    advance,
    killBilling,
    result,
    stop,
  };
}

/** Projection, plan, access, limits and events of an account. $2 is the start of the run, $3 a day in seconds, $4 its end. */
const OUTCOME_SQL = `
  SELECT s.plan_key, s.cycle, s.status, s.seats, s.cancel_at_period_end,
         ${dayOf('s.current_period_start')} AS period_start, ${dayOf('s.current_period_end')} AS period_end,
         ${dayOf('s.access_ends_at')} AS access_ends,
         (SELECT jsonb_agg(jsonb_build_array(l.scope, l.meter, l.win, l.kind, l.amount, l.source,
                             CASE WHEN isfinite(l.valid_until) THEN ${dayOf('l.valid_until')} END)
                           ORDER BY l.scope, l.meter, l.win, l.valid_until)
            FROM ledger_limits l WHERE l.account_id = s.account_id AND l.valid_until > $4::timestamptz) AS limits,
         (SELECT jsonb_agg(jsonb_build_array(x.status, x.plan_key, x.cycle, x.quantity, x.is_paused, x.is_duplicate,
                             ${dayOf('x.current_period_end')}, ${dayOf('x.paid_through')}, ${dayOf('x.cancel_at')},
                             ${dayOf('x.ended_at')}) ORDER BY x.created_at)
            FROM stripe_subscriptions x WHERE x.account_id = s.account_id) AS subscriptions,
         (SELECT jsonb_agg(jsonb_build_array(i.status, i.reason, i.paid_minor, i.total_minor, i.attempt_count,
                             ${dayOf('i.period_end')}) ORDER BY i.created_at, i.total_minor)
            FROM invoices i WHERE i.account_id = s.account_id) AS invoices,
         (SELECT jsonb_agg(jsonb_build_array(p.status, p.amount_minor) ORDER BY p.created_at, p.amount_minor)
            FROM payments p WHERE p.account_id = s.account_id) AS payments,
         (SELECT jsonb_agg(e.kind ORDER BY e.kind) FROM billing_events e WHERE e.account_id = s.account_id) AS events
    FROM subscriptions s WHERE s.account_id = $1`;

function dayOf(instant: string): string {
  return `round(extract(epoch FROM ${instant} - $2::timestamptz) / $3)`;
}
