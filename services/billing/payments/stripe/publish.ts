/** Brings products and prices at Stripe in line with a catalogue. Creates and archives, and never deletes. */
import { createHash } from 'node:crypto';
import type Stripe from 'stripe';
import type { Catalogue, Plan } from '#libs/catalogue/schema.ts';
import { formatDecimal } from '#libs/money/money.ts';
import { isFree, priceMinorOf } from '../../plans/domain/offer.ts';
import { MONTHS_PER_CYCLE } from '../../subscriptions/domain/period.ts';
import { lookupKey, type PlanPrice, planOf, priceMetadata, productId } from './prices.ts';

export type PublishStep =
  | { kind: 'create_product'; planKey: string; name: string; description: string }
  /** `since`: when it was changed last, so that a change back to earlier texts is another one. */
  | { kind: 'update_product'; planKey: string; name: string; description: string; since: number }
  | { kind: 'create_price'; plan: PlanPrice; amountMinor: number; currency: string; replaces: string | null }
  | { kind: 'archive_price'; id: string; plan: PlanPrice };

const CYCLES = Object.keys(MONTHS_PER_CYCLE) as PlanPrice['cycle'][];

/** What has to be done. Changes nothing. */
export async function planPublication(stripe: Stripe, catalogue: Catalogue): Promise<PublishStep[]> {
  const products = new Map<string, Stripe.Product>();
  for await (const product of stripe.products.list({ limit: 100 })) products.set(product.id, product);
  const prices: Stripe.Price[] = [];
  for await (const price of stripe.prices.list({ active: true, limit: 100 })) prices.push(price);
  const sold = catalogue.plans.filter((plan) => !isFree(plan) && plan.price.monthlyMinor !== null);
  const wanted = sold.flatMap((plan) => pricesOf(plan, catalogue.currency));
  const steps: PublishStep[] = sold.flatMap((plan) => productSteps(plan, products.get(productId(plan.key))));
  const kept = new Set<string>();
  for (const price of wanted) {
    const current = prices.find(({ lookup_key }) => lookup_key === lookupKey(price.plan));
    if (current?.unit_amount === price.amountMinor && current.currency === price.currency) {
      kept.add(current.id);
    } else {
      steps.push({ kind: 'create_price', ...price, replaces: current?.id ?? null });
    }
  }
  for (const price of prices) {
    const plan = planOf(price);
    if (plan !== null && !kept.has(price.id)) steps.push({ kind: 'archive_price', id: price.id, plan });
  }
  return steps;
}

function productSteps({ key, name, description }: Plan, product: Stripe.Product | undefined): PublishStep[] {
  const step = { planKey: key, name, description };
  if (product === undefined) return [{ kind: 'create_product', ...step }];
  const isCurrent = product.active && product.name === name && (product.description ?? '') === description;
  return isCurrent ? [] : [{ kind: 'update_product', ...step, since: product.updated }];
}

function pricesOf(plan: Plan, currency: string) {
  return CYCLES.flatMap((cycle) => {
    const amountMinor = priceMinorOf(plan, cycle);
    if (amountMinor === null) return [];
    return [{ plan: { planKey: plan.key, cycle }, amountMinor, currency: currency.toLowerCase() }];
  });
}

/** Safe to run twice and from two machines at once: keys name what is created, and the price that it replaces. */
export async function publish(stripe: Stripe, steps: readonly PublishStep[]): Promise<void> {
  for (const step of steps) await publishStep(stripe, step);
}

async function publishStep(stripe: Stripe, step: PublishStep): Promise<void> {
  switch (step.kind) {
    case 'create_product': {
      const { planKey, name, description } = step;
      await stripe.products.create(
        {
          id: productId(planKey),
          name,
          ...(description !== '' && { description }),
          metadata: { inkmeter_plan: planKey },
        },
        { idempotencyKey: `product-${planKey}-${digestOf(name, description)}` },
      );
      return;
    }
    case 'update_product': {
      const { planKey, name, description, since } = step;
      await stripe.products.update(
        productId(planKey),
        { name, description, active: true },
        { idempotencyKey: `product-${planKey}-${digestOf(name, description)}-after-${since}` },
      );
      return;
    }
    case 'create_price': {
      const { plan, amountMinor, currency, replaces } = step;
      await stripe.prices.create(
        {
          product: productId(plan.planKey),
          currency,
          unit_amount: amountMinor,
          recurring: { interval: plan.cycle },
          lookup_key: lookupKey(plan),
          transfer_lookup_key: true,
          metadata: priceMetadata(plan),
        },
        { idempotencyKey: `price-${lookupKey(plan)}-${amountMinor}-${currency}-after-${replaces ?? 'none'}` },
      );
      return;
    }
    case 'archive_price':
      await stripe.prices.update(step.id, { active: false }, { idempotencyKey: `archive-${step.id}` });
  }
}

/** A key has at most 255 characters. */
function digestOf(...texts: string[]): string {
  return createHash('sha256').update(JSON.stringify(texts)).digest('hex').slice(0, 32);
}

export function describeStep(step: PublishStep): string {
  switch (step.kind) {
    case 'create_product':
      return `+ product ${step.planKey} (${step.name})`;
    case 'update_product':
      return `~ product ${step.planKey} (${step.name})`;
    case 'create_price': {
      const amount = formatDecimal(BigInt(step.amountMinor), 2);
      return `+ price ${step.plan.planKey} per ${step.plan.cycle}: ${amount} ${step.currency.toUpperCase()}`;
    }
    case 'archive_price':
      return `- price ${step.plan.planKey} per ${step.plan.cycle} (${step.id}); running subscriptions keep it`;
  }
}
