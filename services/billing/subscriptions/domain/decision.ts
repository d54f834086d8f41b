/** Decisions about a subscription as plain data: the subscription afterwards, what else to write, and the outcome. */
import type { Actor, AuditAction, AuditState } from '#libs/contracts/audit-entry.ts';
import type { PaymentRequest } from '../../payments/domain.ts';
import type { Trial } from '../../trials/domain.ts';
import type { BillingEventDraft } from './billing-event.ts';
import type { Refusal } from './refusal.ts';
import type { SubscriptionState } from './state.ts';
import type { Subscription } from './subscription.ts';

/** A row to write, in the transaction that saves the subscription. */
export type Effect =
  | { kind: 'payment_requested'; request: PaymentRequest }
  /** The request as it is afterwards, `paid` or `void`. */
  | { kind: 'payment_resolved'; request: PaymentRequest }
  | { kind: 'trial_started'; trial: Trial }
  | { kind: 'trial_ended'; at: Date }
  /** The first payment after a trial began; without a trial it changes nothing. */
  | { kind: 'trial_converted'; at: Date }
  | { kind: 'event'; event: BillingEventDraft }
  /** An event that is also emitted to the outbox, the first time that it is recorded. */
  | { kind: 'notified_event'; event: BillingEventDraft }
  | { kind: 'audit'; entry: StaffAction };

export type StaffAction = {
  by: Actor;
  at: Date;
  action: AuditAction;
  before: AuditState;
  after: AuditState;
  reason: string;
};

export type Outcome =
  | { kind: 'changed' }
  | { kind: 'unchanged' }
  /** Nothing changes until this request is paid. */
  | { kind: 'payment_required'; request: PaymentRequest }
  | { kind: 'payment_resolved'; request: PaymentRequest }
  | { kind: 'refused'; refusal: Refusal };

export type Decision = {
  /** The same object as before where the subscription does not change. */
  readonly subscription: Subscription;
  /** In the order in which they are written. */
  readonly effects: readonly Effect[];
  readonly outcome: Outcome;
};

/** What a decision needs in addition to the state. */
export type DecisionContext = {
  readonly now: Date;
  /** Ids for new payment requests and trials. */
  readonly newId: () => string;
  /** How long an unpaid period is served before the plan ends. */
  readonly graceMs: number;
  /** How long the price of a payment request holds. */
  readonly requestDays: number;
  /** The payment driver that collects new requests. */
  readonly driver: string;
  /** Whether a plan that the provider renews ends when its access is over. Without it the provider is asked first. */
  readonly endsLapsed: boolean;
};

/** A state on its way to a decision, with the effects so far. */
export type Change = { readonly state: SubscriptionState; readonly effects: readonly Effect[] };

export function beginChange(state: SubscriptionState): Change {
  return { state, effects: [] };
}

export function addEffects({ state, effects }: Change, ...more: readonly Effect[]): Change {
  return { state, effects: [...effects, ...more] };
}

export function addEvent(change: Change, event: BillingEventDraft): Change {
  return addEffects(change, { kind: 'event', event });
}

export function updateState({ state, effects }: Change, update: Partial<SubscriptionState>): Change {
  return { state: { ...state, ...update }, effects };
}

export function decide({ state, effects }: Change, outcome: Outcome = { kind: 'changed' }): Decision {
  return { subscription: state.subscription, effects, outcome };
}

export function refuse(state: SubscriptionState, refusal: Refusal): Decision {
  return decide(beginChange(state), { kind: 'refused', refusal });
}

/** An event of which the account's contacts are to learn. */
export function addNotice(change: Change, event: BillingEventDraft): Change {
  return addEffects(change, { kind: 'notified_event', event });
}

/** The decision to change nothing. */
export function keepSubscription(state: SubscriptionState): Decision {
  return decide(beginChange(state), { kind: 'unchanged' });
}
