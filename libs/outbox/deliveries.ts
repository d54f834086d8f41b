import type { outboxDeliveries, outboxEvents } from '#libs/db/schema/outbox.ts';
import type { Logger } from '#libs/service/logger.ts';

/** The tasks that deliver. usage-metering runs the first two, the gateway the third. */
export const DELIVERY_TASK = 'deliver-event';
export const WEBHOOK_TASK = 'deliver-webhook';
export const MAIL_TASK = 'deliver-mail';

/** Adds the deliveries that depend on the account: mails, chat messages and webhooks. usage-metering runs it. */
export const FAN_OUT_TASK = 'fan-out-event';

/** Mails go to addresses of users, which only the gateway may read. */
export const MAIL_CHANNEL = 'email';

/** Requests to endpoints of customers; `target` is the endpoint's id. */
export const WEBHOOK_CHANNEL = 'webhook';

const TASKS: Readonly<Record<string, string>> = {
  [MAIL_CHANNEL]: MAIL_TASK,
  [WEBHOOK_CHANNEL]: WEBHOOK_TASK,
};

export const taskOfChannel = (channel: string): string => TASKS[channel] ?? DELIVERY_TASK;

/** Of channels without pauses of their own (`retries.ts`): about three hours, with those of the job queue. */
export const MAX_DELIVERY_ATTEMPTS = 10;

export type EventRow = typeof outboxEvents.$inferSelect;
export type DeliveryRow = typeof outboxDeliveries.$inferSelect;

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

/** A channel by its name in `EVENT_ROUTES`. */
export type Channels = Readonly<Record<string, Channel>>;

/** Writes ids and type to the log. */
const log: Channel = async (event, delivery, { logger }) => {
  logger.info(
    { event: event.id, delivery: delivery.id, type: event.type, account: event.accountId },
    'event delivered',
  );
};

/** The channels of the product. */
export const CHANNELS: Channels = { log };
