/** Deliveries of Stripe between gateway and billing: many in one request, each with the bytes that were signed. */
import { z } from 'zod';

export const STRIPE_DELIVERIES_ROUTE = '/internal/v1/stripe-deliveries';
export const STRIPE_DELIVERIES_TYPE = 'application/octet-stream';

export type StripeDelivery = { signature: string; body: Buffer };

/** One for each delivery: null where it is stored. */
export const stripeDeliveryResults = z.array(
  z.object({ code: z.literal('invalid_request'), detail: z.string() }).nullable(),
);
export type StripeDeliveryResult = z.infer<typeof stripeDeliveryResults>[number];

const headSchema = z.array(z.tuple([z.string(), z.int().min(0)]));
const NEW_LINE = 0x0a;

/** A line of JSON with signatures and lengths, and the bodies. */
export function encodeDeliveries(deliveries: readonly StripeDelivery[]): Buffer {
  const head = JSON.stringify(deliveries.map(({ signature, body }) => [signature, body.length]));
  return Buffer.concat([Buffer.from(`${head}\n`), ...deliveries.map(({ body }) => body)]);
}

/** @throws RangeError for bytes that {@link encodeDeliveries} did not write. */
export function decodeDeliveries(bytes: Buffer): StripeDelivery[] {
  const end = bytes.indexOf(NEW_LINE);
  let start = end + 1;
  const deliveries = headSchema
    .parse(JSON.parse(bytes.toString('utf8', 0, end)))
    .map(([signature, length]) => {
      const body = bytes.subarray(start, start + length);
      start += length;
      return { signature, body };
    });
  if (start !== bytes.length) throw new RangeError('The bodies have another length than announced.');
  return deliveries;
}
