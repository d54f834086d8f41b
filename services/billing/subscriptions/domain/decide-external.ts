/** Brings a subscription in line with the payment provider's. Applying the same state again changes nothing. */
import { isDeepStrictEqual } from 'node:util';
import { findPlan } from '#libs/catalogue/plans.ts';
import type { Trial } from '../../trials/domain.ts';
import { keepScheduledMove, versionAtEnd } from './catalogue-move.ts';
import {
  addEffects,
  addEvent,
  addNotice,
  beginChange,
  type Change,
  type Decision,
  type DecisionContext,
  decide,
  keepSubscription,
  updateState,
} from './decision.ts';
import { accessOf, type ExternalAccess, type ExternalSubscription } from './external-subscription.ts';
import { SYSTEM_ACTOR, voidOpenRequest } from './payment-requests.ts';
import { type SubscriptionState, soldVersion } from './state.ts';
import { type CatalogueVersion, type Subscription, storedSeats } from './subscription.ts';
import { onDefaultPlan } from './transitions.ts';
import { endTrial } from './trial-end.ts';

type Granted = Extract<ExternalAccess, { kind: 'granted' }>;

export function decideExternal(
  state: SubscriptionState,
  external: ExternalSubscription,
  context: DecisionContext,
): Decision {
  const access = accessOf(external, context.graceMs);
  if (access.kind === 'unknown') return keepSubscription(state);
  if (access.kind === 'none' || access.until <= context.now) return endExternal(state, external, context);
  const version = versionOf(state, external);
  if (version === undefined) return keepSubscription(state);
  const subscription = externally(state, external, access, version);
  if (isDeepStrictEqual(subscription, state.subscription)) return keepSubscription(state);
  return decide(describeChange(state, subscription, external, context));
}

/** The account is back on the default plan, unless another subscription has replaced this one. */
function endExternal(
  state: SubscriptionState,
  external: ExternalSubscription,
  { now: at }: DecisionContext,
): Decision {
  const { subscription: current, versions } = state;
  if (current.externalId !== external.id) return keepSubscription(state);
  const next = onDefaultPlan(current, versionAtEnd(current, versions), at);
  const reason = endReasonOf(current, external);
  const left =
    current.status === 'trialing'
      ? endTrial(beginChange(state), at, { next_plan: next.planKey, converted: false })
      : beginChange(state);
  return decide(
    addNotice(updateState(left, { subscription: next }), {
      kind: 'subscription_ended',
      at,
      data: { plan: current.planKey, next_plan: next.planKey, reason },
    }),
  );
}

function endReasonOf(current: Subscription, { status, isPaused }: ExternalSubscription): string {
  if (isPaused || status === 'paused') return 'paused';
  if (status === 'canceled' && current.status !== 'past_due') return 'cancelled';
  return 'payment_overdue';
}

/** The version that a plan was sold under stays; another plan is sold under the version on offer. */
function versionOf(
  state: SubscriptionState,
  { id, plan }: ExternalSubscription,
): CatalogueVersion | undefined {
  if (plan === null) return undefined;
  const { subscription: current, offered } = state;
  const sold = soldVersion(state);
  const isSame =
    current.externalId === id && current.planKey === plan.planKey && current.cycle === plan.cycle;
  const candidates = isSame ? [sold] : [offered, sold];
  return candidates.find(({ catalogue }) => findPlan(catalogue, plan.planKey) !== undefined);
}

function externally(
  { subscription: current, versions, offered }: SubscriptionState,
  external: ExternalSubscription,
  { status, until }: Granted,
  version: CatalogueVersion,
): Subscription {
  const { plan, scheduled, quantity, cancelAt } = external;
  const isTrial = status === 'trialing';
  const next: Subscription = {
    ...current,
    planKey: plan?.planKey ?? current.planKey,
    cycle: plan?.cycle ?? current.cycle,
    catalogueVersionId: version.id,
    status,
    // Nothing is sold in a trial, so no usage period begins.
    anchor: isTrial ? current.anchor : external.anchor,
    currentPeriodStart: external.currentPeriodStart,
    currentPeriodEnd: external.currentPeriodEnd,
    cancelAtPeriodEnd: cancelAt !== null,
    trialEndsAt: isTrial ? external.trialEndsAt : null,
    accessEndsAt: until,
    complimentary: false,
    externalId: external.id,
    periodPaidMinor: null,
    seats: storedSeats(quantity),
    scheduledSeats: null,
    pausedTerms: null,
    scheduledChange:
      scheduled === null || findPlan(offered.catalogue, scheduled.planKey) === undefined
        ? null
        : { ...scheduled, catalogueVersionId: offered.id, movesTo: null },
  };
  return keepScheduledMove(current, next, versions);
}

function describeChange(
  state: SubscriptionState,
  subscription: Subscription,
  external: ExternalSubscription,
  context: DecisionContext,
): Change {
  const { now: at } = context;
  const { subscription: current } = state;
  const isOther = current.externalId !== external.id;
  let change = beginChange(state);
  if (isOther) change = voidOpenRequest(change, { at, by: SYSTEM_ACTOR, note: 'the plan has changed' });
  change = withTrial(change, subscription, external, context);
  change = updateState(change, { subscription });
  if (isOther || subscription.planKey !== current.planKey || subscription.cycle !== current.cycle) {
    change = addNotice(change, {
      kind: 'plan_changed',
      at,
      data: {
        from: current.planKey,
        to: subscription.planKey,
        cycle: subscription.cycle,
        reason: 'subscribed',
      },
    });
  }
  if (isRenewed(subscription, external)) {
    change = addEvent(change, {
      kind: 'renewed',
      subject: `${external.id} ${external.currentPeriodStart.toISOString()}`,
      at,
      data: {
        plan: subscription.planKey,
        period_start: external.currentPeriodStart.toISOString(),
        period_end: external.currentPeriodEnd.toISOString(),
      },
    });
  }
  return withTermChanges(change, current, subscription, at);
}

/** The trial that began or ended. Each account has one; a second one is not recorded again. */
function withTrial(
  change: Change,
  subscription: Subscription,
  external: ExternalSubscription,
  { now: at, newId }: DecisionContext,
): Change {
  const { subscription: current, hasTried } = change.state;
  const { trialEndsAt } = external;
  if (current.status === 'trialing' && subscription.status !== 'trialing') {
    return addEffects(endTrial(change, at, { converted: true }), { kind: 'trial_converted', at });
  }
  if (subscription.status !== 'trialing' || hasTried || trialEndsAt === null) {
    return subscription.status === 'active' ? addEffects(change, { kind: 'trial_converted', at }) : change;
  }
  const trial: Trial = {
    id: newId(),
    accountId: current.accountId,
    catalogueVersionId: subscription.catalogueVersionId,
    planKey: subscription.planKey,
    startedAt: external.createdAt,
    endsAt: trialEndsAt,
  };
  return addEvent(addEffects(change, { kind: 'trial_started', trial }), {
    kind: 'trial_started',
    subject: trial.id,
    at,
    data: { plan: trial.planKey, ends_at: trialEndsAt.toISOString() },
  });
}

/** Whether this period follows another one and is paid. */
function isRenewed({ status }: Subscription, external: ExternalSubscription): boolean {
  const { createdAt, trialEndsAt, currentPeriodStart, currentPeriodEnd, paidThrough } = external;
  const isFirst = currentPeriodStart <= createdAt || currentPeriodStart.getTime() === trialEndsAt?.getTime();
  return status === 'active' && !isFirst && paidThrough >= currentPeriodEnd;
}

function withTermChanges(change: Change, before: Subscription, after: Subscription, at: Date): Change {
  const effectiveAt = after.currentPeriodEnd.toISOString();
  let changed = change;
  if (after.cancelAtPeriodEnd && !before.cancelAtPeriodEnd) {
    const data = { plan: after.planKey, effective_at: after.accessEndsAt?.toISOString() ?? effectiveAt };
    changed = addEvent(changed, { kind: 'cancellation_scheduled', at, data });
  }
  const isSame = before.externalId === after.externalId;
  const wasBound = before.cancelAtPeriodEnd || before.scheduledChange !== null;
  if (
    isSame &&
    wasBound &&
    !after.cancelAtPeriodEnd &&
    after.scheduledChange === null &&
    before.planKey === after.planKey
  ) {
    changed = addEvent(changed, { kind: 'resumed', at, data: { plan: after.planKey } });
  }
  const { scheduledChange } = after;
  if (scheduledChange !== null && !isDeepStrictEqual(scheduledChange, before.scheduledChange)) {
    const { planKey: to, cycle } = scheduledChange;
    const data = { from: after.planKey, to, cycle, effective_at: effectiveAt };
    changed = addEvent(changed, { kind: 'change_scheduled', at, data });
  }
  if (isSame && before.seats !== after.seats) {
    const data = { seats: after.seats ?? 1, before: before.seats ?? 1 };
    changed = addEvent(changed, { kind: 'seats_changed', at, data });
  }
  return changed;
}
