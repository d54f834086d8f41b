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
  /** What the running period was paid with, in minor units; null where that is the plan's price. */
  periodPaidMinor: number | null;
  /** Seats bought beside the plan; null where only the plan counts. */
  seats: number | null;
};

/** A plan of a catalogue version. */
export type PlanTerms = { planKey: string; cycle: Cycle; catalogueVersionId: string };

/** A change that waits for the end of the period. */
export type ScheduledChange = PlanTerms & {
  /**
   * The catalogue version that the subscription has to be on by then, because it was published so: whatever its customer
   * decides meanwhile.
   */
  movesTo: string | null;
};

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
    periodPaidMinor: null,
    seats: null,
  };
}

/** What staff decided beside the plan: for this account, and for all. */
export type Adjustments = Pick<EntitlementInput, 'overrides' | 'flags' | 'guardRails' | 'segments'>;

/** Everything that decides what an account may do. */
export type AccountState = { subscription: Subscription; sold: CatalogueVersion; adjustments: Adjustments };

/** The same in the words of `libs/catalogue`. */
export function entitlementInputOf({ subscription, sold, adjustments }: AccountState): EntitlementInput {
  return {
    ...adjustments,
    catalogue: sold.catalogue,
    catalogueVersion: sold.id,
    accountId: subscription.accountId,
    seats: subscription.seats,
    subscription: stateOf(subscription),
  };
}

function stateOf({ planKey, status, trialEndsAt, accessEndsAt }: Subscription): SubscriptionState {
  return { planKey, status, trialEndsAt, accessEndsAt };
}
