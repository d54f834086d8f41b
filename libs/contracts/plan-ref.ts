/**
 * How plans are named and priced everywhere. A field `plan` holds the key of a plan. A described plan is an object that begins
 * with `key`, `name` and `rank`: as `plan_details`, and in lists such as `plans` and `suggested_plans`.
 */
import { z } from 'zod';
import type { Plan } from '#libs/catalogue/schema.ts';
import { count } from './envelope.ts';

export const planRef = z.object({
  key: z.string(),
  name: z.string(),
  rank: z.int().describe('A plan with a higher rank is an upgrade.'),
});
export type PlanRef = z.infer<typeof planRef>;

/** The plan of an account: its key, why it is in force, and the described plan. */
export const planInForce = {
  plan: z.string().describe('The key of the plan in force.'),
  plan_source: z.string().describe('`subscription`, `override:<id>`, or the reason for the default plan.'),
  plan_details: planRef,
};

export const planPrice = z
  .object({
    currency: z.literal('USD'),
    monthly_minor: count.nullable().describe('In cents; null: contact sales.'),
    yearly_minor: count.nullable().describe('In cents, for the whole year.'),
  })
  .meta({ id: 'PlanPrice' });
export type PlanPrice = z.infer<typeof planPrice>;

export function refOf({ key, name, rank }: Pick<Plan, 'key' | 'name' | 'rank'>): PlanRef {
  return { key, name, rank };
}

export function priceOf({ price }: Pick<Plan, 'price'>): PlanPrice {
  return { currency: 'USD', monthly_minor: price.monthlyMinor, yearly_minor: price.yearlyMinor };
}
