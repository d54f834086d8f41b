/** Subscriptions that a payment provider renews, and the access that each of their states gives. */
import type { Cycle } from './period.ts';
import { later } from './transitions.ts';

/** A provider's subscription as last read. */
export type ExternalSubscription = {
  id: string;
  /** Stripe's words; a later version of the API may have others. */
  status: string;
  /** Null where the price is not one of the catalogue's. */
  plan: { planKey: string; cycle: Cycle } | null;
  /** Seats. */
  quantity: number;
  /** Periods repeat from it. */
  anchor: Date;
  currentPeriodStart: Date;
  currentPeriodEnd: Date;
  /** End of the last period that was paid or tried. */
  paidThrough: Date;
  trialEndsAt: Date | null;
  cancelAt: Date | null;
  /** Payments are not collected. */
  isPaused: boolean;
  createdAt: Date;
  /** Replaces the plan when the period ends. */
  scheduled: { planKey: string; cycle: Cycle } | null;
};

/** `until` is exclusive. `unknown`: a state that this version does not know, which changes nothing. */
export type ExternalAccess =
  | { kind: 'granted'; status: 'active' | 'trialing' | 'past_due'; until: Date }
  | { kind: 'none' }
  | { kind: 'unknown' };

type Rule = { status: 'active' | 'trialing' | 'past_due'; graced: boolean } | 'none';

/**
 * What each state gives. Access lasts to the end of what was paid or tried, and a grace period longer. So it does not
 * matter whether the start of a period or its payment is reported first, and `active` alone gives nothing.
 */
export const ACCESS_BY_STATE: Readonly<Record<string, Rule>> = {
  trialing: { status: 'trialing', graced: true },
  active: { status: 'active', graced: true },
  past_due: { status: 'past_due', graced: true },
  unpaid: 'none',
  paused: 'none',
  incomplete: 'none',
  incomplete_expired: 'none',
  canceled: 'none',
};

export function accessOf(external: ExternalSubscription, graceMs: number): ExternalAccess {
  const rule = ACCESS_BY_STATE[external.status];
  if (rule === undefined) return { kind: 'unknown' };
  if (rule === 'none') return { kind: 'none' };
  const { paidThrough, cancelAt, isPaused } = external;
  // A pause ends with what is paid: no further payment is on its way.
  const until = rule.graced && !isPaused ? later(paidThrough, graceMs) : paidThrough;
  return {
    kind: 'granted',
    status: rule.status,
    until: cancelAt !== null && cancelAt < until ? cancelAt : until,
  };
}
