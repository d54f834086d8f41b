/** Moving down, cancelling, taking both back, and plans that staff give. */

import type { Actor } from '#libs/audit/entry.ts';
import { problem } from '#libs/problems/problems.ts';
import { stillMoving, versionAtEnd } from '../catalogues/domain.ts';
import { askForRenewal, voidOpenRequest } from '../payments/ask-for-payment.ts';
import { type PaymentRequest, summariseRequest } from '../payments/domain.ts';
import { leaveTrial } from '../payments/resolutions.ts';
import { anyPlan, isFree } from '../plans/offer.ts';
import type { Accounts } from './accounts.ts';
import type { ScheduledChange, Subscription } from './domain.ts';
import type { Cycle } from './period.ts';
import { ownPlan, planChangeOf } from './plan-change.ts';
import { changeNotAllowed, refuseChange } from './refuse-change.ts';
import type { SubscriptionTx } from './subscription-tx.ts';
import { cancelled, onDefaultPlan, placedOn, resumed } from './transitions.ts';

export type SubscriptionChanges = {
  /**
   * Moves down when the period ends.
   *
   * @throws ProblemError `unknown_plan`, `plan_change_not_allowed`, `payment_required` while the running period is owed.
   */
  downgrade: (
    accountId: string,
    choice: { plan: string; cycle: Cycle | undefined; by: string },
  ) => Promise<Subscription>;
  /** Ends the plan with its period; at once where that is owed. @throws ProblemError `plan_change_not_allowed` */
  cancel: (accountId: string, by: string) => Promise<Subscription>;
  /** Takes a cancellation or a downgrade back; where there is none, nothing happens. */
  resume: (accountId: string) => Promise<Subscription>;
  /** Gives an account a plan without payment. @throws ProblemError `not_found`, `unknown_plan` */
  assign: (
    accountId: string,
    choice: { plan: string; cycle: Cycle; reason: string; by: Actor },
  ) => Promise<Subscription>;
};

export function createSubscriptionChanges({
  accounts,
  now,
  graceMs,
  collect,
}: {
  accounts: Pick<Accounts, 'change'>;
  now: () => Date;
  graceMs: number;
  collect: (request: PaymentRequest) => Promise<PaymentRequest>;
}): SubscriptionChanges {
  async function downgrade(
    accountId: string,
    { plan, cycle, by }: { plan: string; cycle: Cycle | undefined; by: string },
  ): Promise<Subscription> {
    let owed: PaymentRequest | undefined;
    const subscription = await accounts.change(accountId, async (current, books) => {
      const at = now();
      const [offered, sold] = [
        await books.offered(),
        await books.catalogueVersion(current.catalogueVersionId),
      ];
      const wanted = planChangeOf({ subscription: current, sold, offered, plan, cycle, now: at });
      if (wanted.direction !== 'downgrade' || wanted.refusal !== null)
        throw refuseChange(wanted, 'downgrade');
      if (wanted.target.key === offered.catalogue.defaultPlan) return end(current, books, by);
      if (current.status === 'past_due') {
        owed = await askForRenewal(current, sold, books, { at, note: 'replaced' });
        return current;
      }
      const scheduledChange = {
        planKey: wanted.target.key,
        cycle: wanted.cycle,
        catalogueVersionId: wanted.version.id,
        movesTo: current.scheduledChange?.movesTo ?? null,
      };
      if (isSameChange(scheduledChange, current.scheduledChange)) return current;
      await books.record({
        kind: 'change_scheduled',
        at,
        data: {
          from: current.planKey,
          to: scheduledChange.planKey,
          cycle: scheduledChange.cycle,
          effective_at: current.currentPeriodEnd.toISOString(),
        },
      });
      return { ...resumed(current, sold, graceMs), scheduledChange };
    });
    if (owed === undefined) return subscription;
    throw problem('payment_required', {
      detail: 'The running period is not paid. Pay it, or cancel.',
      fields: { payment_request: summariseRequest(await collect(owed)) },
    });
  }

  async function end(current: Subscription, books: SubscriptionTx, by: string): Promise<Subscription> {
    const at = now();
    if (current.cancelAtPeriodEnd) return current;
    if (current.status === 'past_due') {
      await voidOpenRequest(books, { at, by, note: 'cancelled' });
      const next = onDefaultPlan(current, await versionAtEnd(current, books.catalogueVersion), at);
      await books.record({
        kind: 'subscription_ended',
        at,
        data: { plan: current.planKey, next_plan: next.planKey, reason: 'cancelled' },
      });
      return next;
    }
    await books.record({
      kind: 'cancellation_scheduled',
      at,
      data: { plan: current.planKey, effective_at: current.currentPeriodEnd.toISOString() },
    });
    return stillMoving(cancelled(current), current, books.catalogueVersion);
  }

  return {
    downgrade,
    cancel: (accountId, by) =>
      accounts.change(accountId, async (current, books) => {
        if (current.status === 'trialing') throw changeNotAllowed('trial_ends_by_itself');
        const sold = await books.catalogueVersion(current.catalogueVersionId);
        if (ownPlan(current, sold).key === sold.catalogue.defaultPlan)
          throw changeNotAllowed('nothing_to_cancel');
        return end(current, books, by);
      }),
    resume: (accountId) =>
      accounts.change(accountId, async (current, books) => {
        const sold = await books.catalogueVersion(current.catalogueVersionId);
        const next = await stillMoving(resumed(current, sold, graceMs), current, books.catalogueVersion);
        if (!current.cancelAtPeriodEnd && isSameChange(next.scheduledChange, current.scheduledChange))
          return current;
        await books.record({ kind: 'resumed', at: now(), data: { plan: current.planKey } });
        return next;
      }),
    assign: (accountId, { plan, cycle, reason, by }) =>
      accounts.change(accountId, async (current, books) => {
        const offered = await books.offered();
        const target = anyPlan(offered.catalogue, plan);
        const at = now();
        const next = placedOn(
          current,
          {
            planKey: target.key,
            cycle: isFree(target) ? 'month' : cycle,
            catalogueVersionId: offered.id,
            complimentary: !isFree(target),
          },
          at,
        );
        if (isAlready(current, next)) return current;
        await voidOpenRequest(books, { at, by: by.actor, note: 'the plan was assigned' });
        await leaveTrial(current, books, at, false);
        await books.record({
          kind: 'plan_changed',
          at,
          data: { from: current.planKey, to: next.planKey, reason: 'assigned' },
        });
        await books.audit({
          by,
          at,
          action: 'plan.assigned',
          before: termsOf(current),
          after: termsOf(next),
          reason,
        });
        return next;
      }),
  };
}

function isSameChange(one: ScheduledChange | null, other: ScheduledChange | null): boolean {
  return one?.planKey === other?.planKey && one?.cycle === other?.cycle;
}

function isAlready(current: Subscription, next: Subscription): boolean {
  const one = termsOf(current);
  const other = termsOf(next);
  return Object.keys(one).every((term) => one[term] === other[term]);
}

/** What an assignment decides. */
function termsOf(subscription: Subscription): Record<string, unknown> {
  return {
    plan: subscription.planKey,
    cycle: subscription.cycle,
    status: subscription.status,
    catalogue_version_id: subscription.catalogueVersionId,
    complimentary: subscription.complimentary,
    cancel_at_period_end: subscription.cancelAtPeriodEnd,
    scheduled_change: subscription.scheduledChange?.planKey ?? null,
  };
}
