import type { EntitlementInput } from '#libs/catalogue/entitlements.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import type { SubscriptionState, SubscriptionStatus } from '#libs/catalogue/subscription.ts';
import { type Cycle, MONTHS_PER_CYCLE, periodAt } from './period.ts';

/** An imported catalogue. */
export type CatalogueVersion = {
  id: string;
  catalogueId: string;
  /** Counts the versions of one catalogue from 1. */
  version: number;
  catalogue: Catalogue;
};

/** What an account has bought. */
export type Subscription = {
  accountId: string;
  catalogueVersionId: string;
  planKey: string;
  cycle: Cycle;
  status: SubscriptionStatus;
  /** Start of the first period; usage periods and paid periods repeat from it. */
  anchor: Date;
  currentPeriodStart: Date;
  currentPeriodEnd: Date;
  cancelAtPeriodEnd: boolean;
  /** Only while `trialing`. */
  trialEndsAt: Date | null;
  /** When the plan is lost unless something is paid or resumed before; null: not by time. */
  accessEndsAt: Date | null;
  /** Given by staff: renews without payment. */
  complimentary: boolean;
  /** Takes the plan's place when the period ends. */
  scheduledChange: ScheduledChange | null;
};

/** A change that waits for the end of the period. */
export type ScheduledChange = { planKey: string; cycle: Cycle; catalogueVersionId: string };

/** A new account's: the catalogue's default plan, from now on. */
export function defaultSubscription(accountId: string, offered: CatalogueVersion, now: Date): Subscription {
  const cycle = 'month';
  const { start, end } = periodAt(now, MONTHS_PER_CYCLE[cycle], now);
  return {
    accountId,
    catalogueVersionId: offered.id,
    planKey: offered.catalogue.defaultPlan,
    cycle,
    status: 'active',
    anchor: now,
    currentPeriodStart: start,
    currentPeriodEnd: end,
    cancelAtPeriodEnd: false,
    trialEndsAt: null,
    accessEndsAt: null,
    complimentary: false,
    scheduledChange: null,
  };
}

/** Everything that decides what the account may do. */
export function entitlementInputOf(subscription: Subscription, sold: CatalogueVersion): EntitlementInput {
  return {
    catalogue: sold.catalogue,
    catalogueVersion: sold.id,
    accountId: subscription.accountId,
    segments: [],
    seats: null,
    overrides: [],
    guardRails: [],
    flags: [],
    subscription: stateOf(subscription),
  };
}

function stateOf({ planKey, status, trialEndsAt, accessEndsAt }: Subscription): SubscriptionState {
  return { planKey, status, trialEndsAt, accessEndsAt };
}
