/** Trials: one per account, and one per owner of accounts. */
import type { Catalogue, Plan } from '#libs/catalogue/schema.ts';
import type { BillingEventKind } from '#libs/contracts/subscriptions.ts';
import { choosablePlans, isFree } from '../plans/domain/offer.ts';
import { ownPlan } from '../subscriptions/domain/plan-change.ts';
import type { CatalogueVersion, Subscription } from '../subscriptions/domain/subscription.ts';
import { daysLater } from '../subscriptions/domain/transitions.ts';

export type Trial = {
  id: string;
  accountId: string;
  catalogueVersionId: string;
  planKey: string;
  startedAt: Date;
  endsAt: Date;
};

/** The plans that can be tried, by rank from the lowest. */
export function plansWithTrial(catalogue: Catalogue): Plan[] {
  return choosablePlans(catalogue).filter((plan) => plan.trialDays > 0 && !isFree(plan));
}

/** Whether the account's current plan allows a trial of another one. */
export function canStartTrial(subscription: Subscription, sold: CatalogueVersion): boolean {
  return subscription.status === 'active' && isFree(ownPlan(subscription, sold));
}

/** Trials that end after `from` and not after `until` are due for this reminder. */
export type DueReminder = {
  kind: Extract<BillingEventKind, `trial_ends_in_${string}`>;
  daysBefore: number;
  from: Date;
  until: Date;
};

/** The ranges do not overlap: of two missed reminders only the later one is sent. */
export function remindersDue(now: Date): readonly DueReminder[] {
  return [
    { kind: 'trial_ends_in_1_day', daysBefore: 1, from: now, until: daysLater(now, 1) },
    { kind: 'trial_ends_in_3_days', daysBefore: 3, from: daysLater(now, 1), until: daysLater(now, 3) },
  ];
}
