/** Sends deliveries to billing, many in one request. */
import type { Dispatcher } from 'undici';
import type { SignIdentity } from '#libs/auth/internal-identity.ts';
import { stripeWebhook } from '#libs/contracts/billing.ts';
import { INTERNAL_CONTEXT_HEADER } from '#libs/contracts/internal-context.ts';
import {
  encodeDeliveries,
  STRIPE_DELIVERIES_ROUTE,
  STRIPE_DELIVERIES_TYPE,
  type StripeDelivery,
  type StripeDeliveryResult,
  stripeDeliveryResults,
} from '#libs/contracts/stripe-deliveries.ts';
import type { Failover } from '#libs/http/failover.ts';
import { type ProblemCode, problem } from '#libs/problems/problems.ts';

/** The id is that of the request. */
export type Delivery = StripeDelivery & { id: string };

/**
 * @returns a function that stores deliveries at billing. A delivery that billing refuses rejects with its problem; all of
 * them do with `service_unavailable` where billing does not answer.
 */
export function createForwarder(
  failover: Failover<Dispatcher>,
  sign: SignIdentity,
): (deliveries: Delivery[]) => Promise<Promise<null>[]> {
  async function post(path: string, id: string, headers: Record<string, string>, body: Buffer) {
    const context = sign({ method: 'POST', path });
    const options: Dispatcher.RequestOptions = {
      method: 'POST',
      path,
      headers: { ...headers, 'x-request-id': id, [INTERNAL_CONTEXT_HEADER]: context },
      body,
    };
    try {
      return await failover((pool) => pool.request(options));
    } catch (error) {
      throw problem('service_unavailable', { cause: error, headers: { 'retry-after': '1' } });
    }
  }

  /** Billing without Stripe, or one version older, has only the route of one delivery. */
  async function forwardOne({ id, signature, body }: Delivery): Promise<null> {
    const headers = { 'content-type': 'application/json', 'stripe-signature': signature };
    const response = await post(stripeWebhook.path, id, headers, body);
    if (response.statusCode === 200) {
      await response.body.dump();
      return null;
    }
    const { code, detail } = (await response.body.json()) as { code: ProblemCode; detail: string };
    throw problem(code, { detail });
  }

  return async (deliveries) => {
    const [first] = deliveries;
    const headers = { 'content-type': STRIPE_DELIVERIES_TYPE };
    const response = await post(
      STRIPE_DELIVERIES_ROUTE,
      first?.id ?? '',
      headers,
      encodeDeliveries(deliveries),
    );
    if (response.statusCode === 404) {
      await response.body.dump();
      return deliveries.map(forwardOne);
    }
    if (response.statusCode !== 200) {
      await response.body.dump();
      throw problem('service_unavailable', { headers: { 'retry-after': '1' } });
    }
    return stripeDeliveryResults.parse(await response.body.json()).map(resultOf);
  };
}

async function resultOf(result: StripeDeliveryResult): Promise<null> {
  if (result !== null) throw problem(result.code, { detail: result.detail });
  return null;
}
