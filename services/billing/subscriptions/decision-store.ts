import { recordAudit } from '#libs/audit/record-audit.ts';
import type { BillingEventKind } from '#libs/contracts/subscriptions.ts';
import type { Tx } from '#libs/db/database.ts';
import { notify } from '#libs/db/notify.ts';
import { setLimits } from '#libs/ledger/ledger.ts';
import { emit, type OutboxEvent } from '#libs/outbox/emit.ts';
import type { EventType } from '#libs/outbox/routes.ts';
import { type PaymentRequest, presentRequestSummary } from '../payments/domain.ts';
import { insertRequest, saveResolution } from '../payments/store.ts';
import { convertTrial, endTrial, insertTrial } from '../trials/store.ts';
import { insertBillingEvent } from './billing-event-store.ts';
import type { Decision, Effect } from './domain/decision.ts';
import { ledgerLimitsOf } from './domain/ledger-limits.ts';
import { USAGE_PERIOD_MONTHS } from './domain/period.ts';
import { refusalProblem } from './domain/refusal.ts';
import type { Subscription } from './domain/subscription.ts';
import { findKeyLimits } from './key-limits-store.ts';
import { type Catalogues, loadAccountState } from './state-store.ts';
import { saveSubscription } from './store.ts';

/** The outbox event of each billing event that is emitted. */
const NOTICES: Partial<Record<BillingEventKind, EventType>> = {
  plan_changed: 'subscription.changed',
  subscription_ended: 'subscription.ended',
  payment_received: 'payment.succeeded',
  payment_failed: 'payment.failed',
  payment_action_required: 'payment.action_required',
  payment_reminder: 'payment.reminder',
  invoice_upcoming: 'invoice.upcoming',
  refunded: 'payment.refunded',
  dispute_opened: 'dispute.opened',
};

export type ApplyDeps = { catalogues: Catalogues; newId: () => string };

/**
 * Writes a decision. The account must be locked.
 *
 * @returns the subscription as it is stored.
 * @param stored the subscription row; undefined for a new account.
 * @throws ProblemError `trial_not_available` where an owner has started another trial in the meantime.
 */
export async function applyDecision(
  tx: Tx,
  deps: ApplyDeps,
  { subscription, effects }: Pick<Decision, 'subscription' | 'effects'>,
  { stored, now }: { stored: Subscription | undefined; now: Date },
): Promise<Subscription> {
  for (const effect of effects) await applyEffect(tx, deps.newId, subscription.accountId, effect);
  if (subscription === stored) return subscription;
  const saved = await saveSubscription(tx, subscription, now);
  await applyLimits(tx, deps, saved, now);
  return saved;
}

async function applyEffect(tx: Tx, newId: () => string, accountId: string, effect: Effect): Promise<void> {
  switch (effect.kind) {
    case 'payment_requested':
      await insertRequest(tx, effect.request);
      return emit(tx, paymentRequested(newId(), effect.request), newId);
    case 'payment_resolved':
      return saveResolution(tx, effect.request);
    case 'trial_started': {
      if (await insertTrial(tx, effect.trial)) return;
      const { planKey: plan } = effect.trial;
      throw refusalProblem({ code: 'trial_not_available', reason: 'trial_used', plan });
    }
    case 'trial_ended':
      return endTrial(tx, accountId, effect.at);
    case 'trial_converted':
      return convertTrial(tx, accountId, effect.at);
    case 'event': {
      const id = newId();
      await insertBillingEvent(tx, { subject: id, ...effect.event, id, accountId });
      return;
    }
    case 'notified_event': {
      const { event } = effect;
      const type = NOTICES[event.kind];
      if (type === undefined) throw new RangeError(`There is no notice of the event ${event.kind}.`);
      const id = newId();
      const isNew = await insertBillingEvent(tx, { subject: id, ...event, id, accountId });
      if (!isNew) return;
      const payload = { ...event.data, event: event.kind };
      return emit(tx, { id: newId(), type, accountId, payload, createdAt: event.at }, newId);
    }
    case 'audit':
      return recordAudit(tx, { ...effect.entry, id: newId(), accountId, subject: `account:${accountId}` });
  }
}

function paymentRequested(id: string, request: PaymentRequest): OutboxEvent {
  const { accountId, createdAt } = request;
  return { id, type: 'payment.requested', accountId, payload: presentRequestSummary(request), createdAt };
}

/**
 * Recomputes an account's limits from the rows they depend on, writes them to the ledger and notifies all services. The
 * account must be locked; everything commits together.
 */
export async function applyLimits(
  tx: Tx,
  { catalogues }: { catalogues: Pick<Catalogues, 'version'> },
  subscription: Subscription,
  now: Date,
): Promise<void> {
  const { accountId, anchor } = subscription;
  const state = await loadAccountState(tx, catalogues, subscription, now);
  const keyLimits = await findKeyLimits(tx, accountId);
  await setLimits(tx, now, {
    accountId,
    anchor,
    periodMonths: USAGE_PERIOD_MONTHS,
    segments: ledgerLimitsOf(state, keyLimits, now),
  });
  await notify(tx, { kind: 'account', id: accountId });
}
