/** Verifies deliveries. Only a payload that one of our secrets signed within the tolerance is read. */
import type Stripe from 'stripe';
import { problem } from '#libs/problems/problems.ts';
import type { StripeNotice } from './domain/event-types.ts';

/** 0 would skip the check of the age. */
const TOLERANCE_SECONDS = 300;
const THIN_PREFIX = /^v1\./;

export type WebhookSecrets = readonly string[];

/**
 * @param secrets one, or two while a secret is rotated.
 * @throws ProblemError `invalid_request` for a missing or wrong signature, an old delivery, and a body that is no event.
 */
export function readDelivery(
  stripe: Stripe,
  { body, signature, secrets, now }: { body: Buffer; signature: string; secrets: WebhookSecrets; now: Date },
): StripeNotice {
  if (!secrets.some((secret) => isSigned(stripe, { body, signature, secret, now }))) throw refused();
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch {
    throw refused();
  }
  return noticeOf(parsed);
}

function isSigned(
  { webhooks }: Stripe,
  { body, signature, secret, now }: { body: Buffer; signature: string; secret: string; now: Date },
): boolean {
  try {
    const receivedMs = now.getTime();
    return (
      webhooks.signature?.verifyHeader(body, signature, secret, TOLERANCE_SECONDS, undefined, receivedMs) ??
      false
    );
  } catch {
    return false;
  }
}

const refused = () =>
  problem('invalid_request', { detail: 'The signature of this delivery is missing, wrong or too old.' });

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** Reads a snapshot or a thin payload. @throws ProblemError `invalid_request` for anything else. */
export function noticeOf(parsed: unknown): StripeNotice {
  if (!isFields(parsed)) throw refused();
  const eventId = textOf(parsed.id);
  const type = textOf(parsed.type);
  if (eventId === null || type === null) throw refused();
  const isThin = parsed.object === 'v2.core.event';
  if (!isThin && parsed.object !== 'event') throw refused();
  const data = isFields(parsed.data) ? parsed.data : {};
  const source = isThin ? parsed.related_object : data.object;
  const object = isFields(source) ? source : {};
  return {
    eventId,
    type: type.replace(THIN_PREFIX, ''),
    objectId: textOf(object.id),
    customerId: referenceOf((isThin ? data : object).customer),
    subscriptionId: referenceOf(isThin ? data.subscription : subscriptionOf(object)),
    apiVersion: textOf(parsed.api_version),
    livemode: parsed.livemode === true,
  };
}

/** An id, or an expanded object with one. */
function referenceOf(value: unknown): string | null {
  return isFields(value) ? textOf(value.id) : textOf(value);
}

function subscriptionOf({ parent }: Fields): unknown {
  const details = isFields(parent) ? parent.subscription_details : undefined;
  return isFields(details) ? details.subscription : undefined;
}
