/** Compares all subscriptions with Stripe, records the differences, and reads those that differ again. */
import type Stripe from 'stripe';
import { transaction } from '#libs/db/database.ts';
import type { JobContext } from '#libs/jobs/task.ts';
import { idOf, instantOf } from './client.ts';
import { planItemOf } from './convert.ts';
import { allStripeSubscriptions, type DriftRow, replaceDrift } from './drift-store.ts';
import { enqueueSync } from './intake.ts';
import { type SubscriptionRow, saveProgress } from './store.ts';
import type { StripeDeps } from './sync.ts';

export const COMPARISON = 'comparison';
const PAGE = 100;

export async function compareSubscriptions(deps: StripeDeps, { signal, logger }: JobContext): Promise<void> {
  const { stripe, database, runtime } = deps;
  const now = runtime.clock.now();
  const ours = new Map((await allStripeSubscriptions(database)).map((row) => [row.id, row]));
  const drift: (DriftRow & { customerId: string | null })[] = [];
  for await (const theirs of stripe.subscriptions.list({ status: 'all', limit: PAGE })) {
    if (signal.aborted) return;
    const row = ours.get(theirs.id);
    ours.delete(theirs.id);
    const differences = differencesOf(row, theirs);
    if (Object.keys(differences).length === 0) continue;
    const accountId = row?.accountId ?? null;
    drift.push({
      subscriptionId: theirs.id,
      accountId,
      differences,
      foundAt: now,
      customerId: idOf(theirs.customer),
    });
  }
  for (const { id, accountId, customerId, status } of ours.values()) {
    const differences = { status: { ours: status, theirs: null } };
    drift.push({ subscriptionId: id, accountId, differences, foundAt: now, customerId });
  }
  await transaction(database, async (tx) => {
    await replaceDrift(
      tx,
      drift.map(({ customerId: _, ...row }) => row),
    );
    for (const { subscriptionId, customerId } of drift) {
      await enqueueSync(tx, 'subscription', subscriptionId, customerId);
    }
    await saveProgress(tx, COMPARISON, now);
  });
  if (drift.length > 0) logger.warn({ subscriptions: drift.length }, 'subscriptions differed from Stripe');
}

function differencesOf(
  row: SubscriptionRow | undefined,
  theirs: Stripe.Subscription,
): DriftRow['differences'] {
  const item = planItemOf(theirs);
  const [mine, other] = [
    row && {
      status: row.status,
      price: row.priceId,
      quantity: String(row.quantity),
      period_end: row.currentPeriodEnd.toISOString(),
      cancel_at: row.cancelAt?.toISOString() ?? null,
      paused: String(row.isPaused),
    },
    {
      status: theirs.status,
      price: item.price.id,
      quantity: String(item.quantity ?? 1),
      period_end: instantOf(item.current_period_end).toISOString(),
      cancel_at:
        theirs.cancel_at === null
          ? theirs.cancel_at_period_end
            ? instantOf(item.current_period_end).toISOString()
            : null
          : instantOf(theirs.cancel_at).toISOString(),
      paused: String(theirs.pause_collection !== null),
    },
  ];
  const differences: DriftRow['differences'] = {};
  for (const name of ['status', 'price', 'quantity', 'period_end', 'cancel_at', 'paused'] as const) {
    const value = mine?.[name] ?? null;
    if (value !== other[name]) differences[name] = { ours: value, theirs: other[name] };
  }
  return differences;
}
