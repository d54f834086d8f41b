import type { outboxDeliveries, outboxEvents } from '#libs/db/schema/outbox.ts';
import type { Logger } from '#libs/service/logger.ts';

/** The task that delivers on each channel. usage-metering runs the first, the gateway the second. */
export const DELIVERY_TASK = 'deliver-event';
export const MAIL_TASK = 'deliver-mail';

/** Adds the deliveries that depend on the account: mails, chat messages and webhooks. usage-metering runs it. */
export const FAN_OUT_TASK = 'fan-out-event';

/** Mails go to addresses of users, which only the gateway may read. */
export const MAIL_CHANNEL = 'email';

export const taskOfChannel = (channel: string): string =>
  channel === MAIL_CHANNEL ? MAIL_TASK : DELIVERY_TASK;

/** About three hours, with the growing pauses of the job queue. */
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
