/** Alerts by mail: the event's delivery names the user, and only the gateway knows the address. */
import { eq } from 'drizzle-orm';
import { type UpgradeSource, upgradeFor } from '#libs/clients/alert-upgrades.ts';
import type { Brand } from '#libs/contracts/branding.ts';
import type { Database } from '#libs/db/database.ts';
import { alerts } from '#libs/db/schema/outbox.ts';
import { renderAlertMail } from '#libs/mail/alert-mail.ts';
import type { SendMail } from '#libs/mail/transport.ts';
import { describeAlert, usedPercentageOf } from '#libs/outbox/alert-text.ts';
import type { Channel } from '#libs/outbox/deliveries.ts';
import { findUserById, NO_MAIL_DOMAIN } from './store.ts';

export type AlertMailOptions = {
  database: Database;
  send: SendMail | undefined;
  appUrl: string;
  /** Which plans lift a limit. */
  entitlements: UpgradeSource;
  /** Whose brand a mail about an account shows. */
  brandOfAccount: (accountId: string) => Promise<Brand | null>;
};

export function createAlertMailChannel(options: AlertMailOptions): Channel {
  const { database, send, appUrl, entitlements, brandOfAccount } = options;
  return async (event, { id, target }, { logger }) => {
    const [alert] = await database.select().from(alerts).where(eq(alerts.id, event.id));
    const user = await findUserById(database, target);
    // The user has left, or has no address.
    if (alert === undefined || user === undefined || user.email.endsWith(`@${NO_MAIL_DOMAIN}`)) return;
    if (send === undefined) {
      logger.warn({ delivery: id, type: event.type, user: user.id }, 'mail not sent: SMTP_URL is not set');
      return;
    }
    const upgrade = await upgradeFor(entitlements, alert);
    const mail = renderAlertMail({
      severity: alert.severity,
      ...describeAlert(alert.type, alert.data),
      usedPercentage: usedPercentageOf(alert.type, alert.data),
      plans: upgrade?.suggested_plans ?? [],
      paymentUrl: paymentUrlOf(alert),
      appUrl,
      brand: alert.accountId === null ? null : await brandOfAccount(alert.accountId),
    });
    await send({ id, to: user.email, ...mail });
    logger.info({ delivery: id, type: event.type, user: user.id }, 'mail sent');
  };
}

/** The page of an open invoice, which the payment provider has named. */
function paymentUrlOf({ kind, data: { url } }: typeof alerts.$inferSelect): string | null {
  return kind === 'payment' && typeof url === 'string' && URL.parse(url)?.protocol === 'https:' ? url : null;
}
