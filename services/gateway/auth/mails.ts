/** Mails about sign-up and passwords. Requests say only to which address; what it gets is decided when it is sent. */
import { z } from 'zod';
import type { Brand } from '#libs/contracts/branding.ts';
import type { Database, Tx } from '#libs/db/database.ts';
import { type MailContent, type MailTemplate, renderMail } from '#libs/mail/templates.ts';
import type { SendMail } from '#libs/mail/transport.ts';
import type { Channel } from '#libs/outbox/deliveries.ts';
import { emit } from '#libs/outbox/emit.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { type EmailTokenPurpose, issueEmailToken } from './email-tokens-store.ts';
import { findUserByEmail } from './store.ts';

/** `sign_up` verifies a new address, or tells a verified user that they have an account. */
export type MailRequest = 'sign_up' | 'verify_email' | 'password_reset';

const mailPayload = z.union([
  z.object({ request: z.enum(['sign_up', 'verify_email', 'password_reset']), email: z.string() }),
  z.object({ request: z.literal('invitation'), invitation_id: z.uuid() }),
]);
type MailPayload = z.output<typeof mailPayload>;

/** Requests a mail in the transaction of its cause. It costs the same whether the address has a user or not. */
export async function requestMail(
  tx: Tx,
  runtime: Runtime,
  request: MailRequest,
  email: string,
): Promise<void> {
  await emitMail(tx, runtime, { request, email });
}

/** Requests the mail about an invitation in the transaction that creates it. */
export async function requestInvitationMail(tx: Tx, runtime: Runtime, invitationId: string): Promise<void> {
  await emitMail(tx, runtime, { request: 'invitation', invitation_id: invitationId });
}

async function emitMail(tx: Tx, { clock, newId }: Runtime, payload: MailPayload): Promise<void> {
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

type PreparedMail = MailContent & { to: string };

export type MailOptions = {
  database: Database;
  runtime: Runtime;
  /** Undefined where no mail server is configured: mails are then only logged. */
  send: SendMail | undefined;
  appUrl: string;
  /** Whose brand a mail to a user shows. */
  brandOfUser: (userId: string) => Promise<Brand | null>;
  /** Null if the invitation needs no mail any more. */
  prepareInvitation: (invitationId: string) => Promise<PreparedMail | null>;
};

export function createMailChannel(options: MailOptions): Channel {
  const { send } = options;
  return async (event, delivery, { logger }) => {
    const payload = mailPayload.parse(event.payload);
    if (send === undefined) {
      logger.warn({ delivery: delivery.id, mail: payload.request }, 'mail not sent: SMTP_URL is not set');
      return;
    }
    const mail =
      payload.request === 'invitation'
        ? await options.prepareInvitation(payload.invitation_id)
        : await prepareUserMail(options, payload);
    if (mail === null) return;
    await send({ id: delivery.id, ...mail });
    logger.info({ delivery: delivery.id, mail: payload.request }, 'mail sent');
  };
}

async function prepareUserMail(
  { database, runtime, appUrl, brandOfUser }: MailOptions,
  { request, email }: Extract<MailPayload, { email: string }>,
): Promise<PreparedMail | null> {
  const user = await findUserByEmail(database, email);
  const template = templateFor(request, user);
  if (user === undefined || template === null) return null;
  const purpose = PURPOSES[template];
  // A repeated delivery has a token of its own, and the one in the first mail still works.
  const token =
    purpose === undefined ? null : await issueEmailToken(database, runtime, { userId: user.id, purpose });
  const brand = await brandOfUser(user.id);
  return { to: user.email, ...renderMail(template, { appUrl, token, brand }) };
}
