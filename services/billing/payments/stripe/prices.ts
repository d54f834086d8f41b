/** How plans of the catalogue are named at Stripe. */
import type Stripe from 'stripe';
import { type Cycle, MONTHS_PER_CYCLE } from '../../subscriptions/domain/period.ts';

const PREFIX = 'inkmeter';

export type PlanPrice = { planKey: string; cycle: Cycle };

export function productId(planKey: string): string {
  return `${PREFIX}_${planKey}`;
}

/** Names the price on sale. When the amount changes, the key moves to a new price. */
export function lookupKey({ planKey, cycle }: PlanPrice): string {
  return `${PREFIX}:${planKey}:${cycle}`;
}

/** The plan of a price, also of one that is no longer on sale; null for a price that is not ours. */
export function planOf({ metadata }: Pick<Stripe.Price, 'metadata'>): PlanPrice | null {
  const { inkmeter_plan: planKey, inkmeter_cycle: cycle } = metadata;
  if (planKey === undefined || cycle === undefined || !isCycle(cycle)) return null;
  return { planKey, cycle };
}

export function priceMetadata({ planKey, cycle }: PlanPrice): Record<string, string> {
  return { inkmeter_plan: planKey, inkmeter_cycle: cycle };
}

function isCycle(text: string): text is Cycle {
  return Object.hasOwn(MONTHS_PER_CYCLE, text);
}
