/** A simulated Stripe account in a test, and the real SDK that talks to it. */
import Stripe from 'stripe';
import type { TestScope } from '#libs/testing/database.ts';
import { createFakeClock, createFakeRandom } from '#libs/testing/runtime.ts';
import { API_VERSION } from './account.ts';
import { type StripeSimulator, type StripeSimulatorOptions, startStripeSimulator } from './server.ts';

export async function startTestStripe(t: TestScope, options: Partial<StripeSimulatorOptions> = {}) {
  const simulator = await startStripeSimulator({
    clock: createFakeClock(),
    random: createFakeRandom(),
    ...options,
  });
  t.teardown(() => simulator.close());
  return { simulator, stripe: clientOf(simulator) };
}

export function clientOf({ port }: Pick<StripeSimulator, 'port'>, maxNetworkRetries = 0): Stripe {
  return new Stripe('sk_test_simulated', {
    apiVersion: API_VERSION,
    host: '127.0.0.1',
    port,
    protocol: 'http',
    maxNetworkRetries,
    telemetry: false,
  });
}

/** Sends the form of a page, as a click would. Redirects are not followed. */
export async function click(url: string, fields: Record<string, string>) {
  const response = await fetch(url, {
    method: 'POST',
    body: new URLSearchParams(fields),
    redirect: 'manual',
  });
  return { status: response.status, location: response.headers.get('location'), html: await response.text() };
}

export async function createPrices(
  stripe: Stripe,
): Promise<{ basic: Stripe.Price; pro: Stripe.Price; year: Stripe.Price }> {
  const product = await stripe.products.create({ name: 'Basic' });
  const create = (unit_amount: number, interval: 'month' | 'year', lookup_key: string) =>
    stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount,
      recurring: { interval },
      lookup_key,
    });
  return {
    basic: await create(2900, 'month', 'basic:month'),
    pro: await create(7900, 'month', 'pro:month'),
    year: await create(79_000, 'year', 'pro:year'),
  };
}

export const DAY_MS = 86_400_000;
