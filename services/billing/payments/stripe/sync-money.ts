/** Reads money that goes back at Stripe, and writes it with the events that it causes. */
import type Stripe from 'stripe';
import { type Tx, transaction } from '#libs/db/database.ts';
import { type Effect, keepSubscription } from '../../subscriptions/domain/decision.ts';
import { changeInTransaction, lockAccount } from '../../subscriptions/plugin.ts';
import { idOf, instantOf } from './client.ts';
import { markEvents } from './inbox-store.ts';
import { refundRow } from './rows.ts';
import { findAccountOf, nextReadNumber, saveRefund } from './store.ts';
import { type StripeDeps, type SyncOutcome, withEffects } from './sync.ts';

const CLOSED_DISPUTES: readonly string[] = ['won', 'lost', 'warning_closed', 'prevented'];

/** @param refunds of one charge. */
export async function syncRefunds(
  deps: StripeDeps,
  refunds: readonly Stripe.Refund[],
  eventIds: readonly string[],
): Promise<SyncOutcome> {
  const { database, runtime } = deps;
  const [first] = refunds;
  const charge = first?.charge ?? null;
  if (charge === null) return markAll(deps, eventIds, 'synced');
  const readAt = runtime.clock.now();
  const readNumber = await nextReadNumber(database);
  return inAccountOf(deps, idOf(charge), eventIds, async (tx, accountId) => {
    for (const refund of refunds) await saveRefund(tx, refundRow(refund, { accountId, readNumber }));
    return refunds
      .filter(({ status }) => status === 'succeeded')
      .map(({ id, amount, currency }) => ({
        kind: 'notified_event',
        event: {
          kind: 'refunded',
          subject: id,
          at: readAt,
          data: { refund: id, amount_minor: amount, currency: currency.toUpperCase() },
        },
      }));
  });
}

export async function syncDispute(
  deps: StripeDeps,
  id: string,
  eventIds: readonly string[],
): Promise<SyncOutcome> {
  const dispute = await deps.stripe.disputes.retrieve(id);
  const { amount, currency, reason, status, created } = dispute;
  const data = { dispute: id, amount_minor: amount, currency: currency.toUpperCase(), reason, status };
  const now = deps.runtime.clock.now();
  return inAccountOf(deps, idOf(dispute.charge), eventIds, async () => [
    { kind: 'notified_event', event: { kind: 'dispute_opened', subject: id, at: instantOf(created), data } },
    ...(CLOSED_DISPUTES.includes(status)
      ? [{ kind: 'event', event: { kind: 'dispute_closed', subject: id, at: now, data } } as const]
      : []),
  ]);
}

/** Writes rows of the account that paid a charge, with the events that they cause. */
async function inAccountOf(
  deps: StripeDeps,
  chargeId: string,
  eventIds: readonly string[],
  write: (tx: Tx, accountId: string) => Promise<Effect[]>,
): Promise<SyncOutcome> {
  const { stripe, database, runtime } = deps;
  const { customer } = await stripe.charges.retrieve(chargeId);
  const accountId = customer === null ? undefined : await findAccountOf(database, idOf(customer));
  if (accountId === undefined) return markAll(deps, eventIds, 'unknown_customer');
  return transaction(database, async (tx): Promise<SyncOutcome> => {
    await lockAccount(tx, accountId);
    const effects = await write(tx, accountId);
    await changeInTransaction(tx, deps, { accountId }, (state) =>
      withEffects(keepSubscription(state), effects),
    );
    await markEvents(tx, eventIds, { outcome: 'synced', now: runtime.clock.now() });
    return 'synced';
  });
}

/** Ends events with one outcome. */
export async function markAll(
  { database, runtime }: StripeDeps,
  eventIds: readonly string[],
  outcome: SyncOutcome,
): Promise<SyncOutcome> {
  await markEvents(database, eventIds, { outcome, now: runtime.clock.now() });
  return outcome;
}
