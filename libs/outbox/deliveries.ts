import type { outboxDeliveries, outboxEvents } from '#libs/db/schema/outbox.ts';
import type { Logger } from '#libs/service/logger.ts';

/** The tasks that deliver. usage-metering runs the first two, the gateway the third. */
export const DELIVERY_TASK = 'deliver-event';
export const RECEIVER_TASK = 'deliver-to-receiver';
export const MAIL_TASK = 'deliver-mail';

/** Adds the deliveries that depend on the account: mails, chat messages and webhooks. usage-metering runs it. */
export const FAN_OUT_TASK = 'fan-out-event';
/** The same for the thresholds that one statement of the ledger has crossed. */
export const FAN_OUT_MANY_TASK = 'fan-out-events';

/** A line with ids and type in the log of the service that delivers. */
export const LOG_CHANNEL = 'log';

/** Mails go to addresses of users, which only the gateway may read. */
export const MAIL_CHANNEL = 'email';

/** Requests to endpoints of customers; `target` is the endpoint's id. */
export const WEBHOOK_CHANNEL = 'webhook';

/** Messages to Slack-compatible addresses of users; `target` is the user's id. */
export const SLACK_CHANNEL = 'slack';

/**
 * Channels whose receivers are servers that customers choose. Each receiver gets one request at a time, and its
 * failures are the customer's to repair: no job of the operators fails.
 */
export const RECEIVER_CHANNELS: readonly string[] = [WEBHOOK_CHANNEL, SLACK_CHANNEL];

/** The task of other channels, which has a job for each delivery. */
export const taskOfChannel = (channel: string): string =>
  channel === MAIL_CHANNEL ? MAIL_TASK : DELIVERY_TASK;

/** Of deliveries with a job of their own: about three hours, with the pauses of the job queue. */
export const MAX_DELIVERY_ATTEMPTS = 10;

export type EventRow = typeof outboxEvents.$inferSelect;
export type DeliveryRow = typeof outboxDeliveries.$inferSelect;

/** A delivery that is being attempted. */
export type Attempt = { event: EventRow; delivery: DeliveryRow };

/**
 * Delivers an event once. Passes `delivery.id` on, so that the receiver recognises a repetition. A rejection is
 * repeated later; its message is stored and shown to staff.
 */
export type Channel = (
  event: EventRow,
  delivery: DeliveryRow,
  context: { signal: AbortSignal; logger: Logger },
) => Promise<void>;

/** Thrown by a channel when another attempt cannot succeed. */
export class PermanentDeliveryError extends Error {
  override readonly name = 'PermanentDeliveryError';
}

/** Thrown by a channel when the receiver refused, and may have asked for a pause. */
export class RefusedDeliveryError extends Error {
  override readonly name = 'RefusedDeliveryError';
  readonly retryAfterMs: number | null;

  constructor(message: string, retryAfterMs: number | null) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** A channel by its name in `EVENT_ROUTES`. */
export type Channels = Readonly<Record<string, Channel>>;

export function logDelivery({ id, type, accountId }: EventRow, delivery: DeliveryRow, logger: Logger): void {
  logger.info({ event: id, delivery: delivery.id, type, account: accountId }, 'event delivered');
}

/** The channels of the product. */
export const CHANNELS: Channels = {
  [LOG_CHANNEL]: async (event, delivery, { logger }) => logDelivery(event, delivery, logger),
};
