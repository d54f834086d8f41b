/** Verifies deliveries. Only a payload that one of our secrets signed within the tolerance is read. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { problem } from '#libs/problems/problems.ts';
import type { StripeNotice } from './domain/event-types.ts';

const TOLERANCE_SECONDS = 300;
const THIN_PREFIX = /^v1\./;

export type WebhookSecrets = readonly string[];

/**
 * @param secrets one, or two while a secret is rotated.
 * @throws ProblemError `invalid_request` for a missing or wrong signature, an old delivery, and a body that is no event.
 */
export function readDelivery({
  body,
  signature,
  secrets,
  now,
}: {
  body: Buffer;
  signature: string;
  secrets: WebhookSecrets;
  now: Date;
}): StripeNotice {
  if (!isSigned(body, signature, secrets, now)) throw refused();
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch {
    throw refused();
  }
  return noticeOf(parsed);
}

/**
 * Stripe's scheme: `t=<seconds>,v1=<HMAC-SHA256 of "<t>.<body>" in hex>`, with one `v1` for each secret in use. The SDK
 * copies the body several times for the same check, and thousands of deliveries arrive in a second.
 */
function isSigned(body: Buffer, header: string, secrets: WebhookSecrets, now: Date): boolean {
  const parts = header.split(',');
  const timestamp = parts.find((part) => part.startsWith('t='))?.slice(2) ?? '';
  if (!/^\d{1,15}$/.test(timestamp)) return false;
  if (Math.floor(now.getTime() / 1000) - Number(timestamp) > TOLERANCE_SECONDS) return false;
  const sent = parts.filter((part) => part.startsWith('v1=')).map((part) => Buffer.from(part.slice(3)));
  return secrets.some((secret) => {
    const sum = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex');
    const expected = Buffer.from(sum);
    return sent.some((one) => one.length === expected.length && timingSafeEqual(one, expected));
  });
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
