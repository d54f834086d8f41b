import type { EntitlementInput } from '#libs/catalogue/entitlements.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import type { SubscriptionStatus } from '#libs/catalogue/subscription.ts';
import { type Cycle, MONTHS_PER_CYCLE, periodAt } from './period.ts';

/** An imported catalogue. */
export type CatalogueVersion = {
  id: string;
  catalogueId: string;
  /** Counts the versions of one catalogue from 1. */
  version: number;
  catalogue: Catalogue;
};

/** The plan that an account has, and the period it is paid for. */
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
  /** Set only while `trialing`. */
  trialEndsAt: Date | null;
  /** The plan ends at this instant unless the account pays or resumes first; null: it does not end by time. */
  accessEndsAt: Date | null;
  /** Assigned by staff: renews without payment. */
  complimentary: boolean;
  /** The payment provider's subscription, which renews this one; null where billing renews it. */
  externalId: string | null;
  /** Replaces the plan when the period ends. */
  scheduledChange: ScheduledChange | null;
  /** Amount paid for the current period in minor units; null where it is the plan's price. */
  periodPaidMinor: number | null;
  /** Seats bought in addition to the plan; null where the plan alone decides. */
  seats: number | null;
  /** Seats from the next period on; null where they stay. The provider's subscriptions have their own. */
  scheduledSeats: number | null;
  /** What a pause of payments that billing collects returns to; null where none is paused. */
  pausedTerms: PausedTerms | null;
  /** When any of this was changed last. */
  updatedAt: Date;
};

/** The plan that a paused account had when its paid period ended. */
export type PausedTerms = { planKey: string; cycle: Cycle; seats: number | null };

/** A plan of a catalogue version, billed by a cycle. */
export type PlanTerms = { planKey: string; cycle: Cycle; catalogueVersionId: string };

/** A change that takes effect when the period ends. */
export type ScheduledChange = PlanTerms & {
  /** A published catalogue version to which the subscription moves at that time, even if the account changes before. */
  movesTo: string | null;
};

/** The subscription of a new account: the default plan of the offered catalogue, from now on. */
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
    externalId: null,
    scheduledChange: null,
    periodPaidMinor: null,
    seats: null,
    scheduledSeats: null,
    pausedTerms: null,
    updatedAt: now,
  };
}

/** How many seats are paid for. */
export function paidSeatsOf({ seats }: Pick<Subscription, 'seats'>): number {
  return seats ?? 1;
}

/** One seat is the plan's price, and the plan then decides how many members the account may have. */
export function storedSeats(count: number): number | null {
  return count > 1 ? count : null;
}

/** What staff decided for this account and for all accounts, in addition to the plan. */
export type Adjustments = Pick<EntitlementInput, 'overrides' | 'flags' | 'guardRails' | 'segments'>;

/** Everything that decides what an account may do. */
export type AccountState = { subscription: Subscription; sold: CatalogueVersion; adjustments: Adjustments };

/** The account's state in the terms of `libs/catalogue`. */
export function entitlementInputOf({ subscription, sold, adjustments }: AccountState): EntitlementInput {
  const { accountId, planKey, status, trialEndsAt, accessEndsAt, seats } = subscription;
  return {
    ...adjustments,
    catalogue: sold.catalogue,
    catalogueVersion: sold.id,
    accountId,
    seats,
    subscription: { planKey, status, trialEndsAt, accessEndsAt },
  };
}
