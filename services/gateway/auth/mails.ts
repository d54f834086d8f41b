/** Mails about sign-up and passwords. Requests say only to which address; what it gets is decided when it is sent. */
import { z } from 'zod';
import type { Database, Tx } from '#libs/db/database.ts';
import { type MailTemplate, renderMail } from '#libs/mail/templates.ts';
import type { SendMail } from '#libs/mail/transport.ts';
import type { Channel } from '#libs/outbox/deliveries.ts';
import { emit } from '#libs/outbox/emit.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { type EmailTokenPurpose, issueEmailToken } from './email-tokens-store.ts';
import { findUserByEmail } from './store.ts';

/** `sign_up` verifies a new address, or tells a verified user that they have an account. */
export type MailRequest = 'sign_up' | 'verify_email' | 'password_reset';

const mailPayload = z.object({
  request: z.enum(['sign_up', 'verify_email', 'password_reset']),
  email: z.string(),
});

/** Requests a mail in the transaction of its cause. It costs the same whether the address has a user or not. */
export async function requestMail(
  tx: Tx,
  { clock, newId }: Runtime,
  request: MailRequest,
  email: string,
): Promise<void> {
  const payload: z.output<typeof mailPayload> = { request, email };
  const event = { id: newId(), type: 'mail.requested', accountId: null, createdAt: clock.now() } as const;
  await emit(tx, { ...event, payload }, newId);
}

type Recipient = { emailVerifiedAt: Date | null; passwordHash: string | null };

/** What a requested mail has to be by now; null for none. */
export function templateFor(request: MailRequest, user: Recipient | undefined): MailTemplate | null {
  // Users of an external issuer have no password here.
  if (user === undefined || user.passwordHash === null) return null;
  if (request === 'password_reset') return 'password_reset';
  if (user.emailVerifiedAt === null) return 'verify_email';
  return request === 'sign_up' ? 'account_exists' : null;
}

const PURPOSES: Readonly<Partial<Record<MailTemplate, EmailTokenPurpose>>> = {
  verify_email: 'verify_email',
  password_reset: 'password_reset',
};

/** @param options.send undefined where no mail server is configured: mails are then only logged. */
export function createMailChannel(options: {
  database: Database;
  runtime: Runtime;
  send: SendMail | undefined;
  appUrl: string;
}): Channel {
  const { database, runtime, send, appUrl } = options;
  return async (event, delivery, { logger }) => {
    const { request, email } = mailPayload.parse(event.payload);
    const user = await findUserByEmail(database, email);
    const template = templateFor(request, user);
    if (user === undefined || template === null) return;
    if (send === undefined) {
      logger.warn({ delivery: delivery.id, template, user: user.id }, 'mail not sent: SMTP_URL is not set');
      return;
    }
    const purpose = PURPOSES[template];
    // A repeated delivery has a token of its own, and the one in the first mail still works.
    const token =
      purpose === undefined ? null : await issueEmailToken(database, runtime, { userId: user.id, purpose });
    await send({ id: delivery.id, to: user.email, ...renderMail(template, { appUrl, token }) });
    logger.info({ delivery: delivery.id, template, user: user.id }, 'mail sent');
  };
}
