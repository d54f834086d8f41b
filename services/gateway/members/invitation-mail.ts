import type { Brand } from '#libs/contracts/branding.ts';
import type { Queryable } from '#libs/db/database.ts';
import { type MailContent, renderMail } from '#libs/mail/templates.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { invitationStatus } from './domain.ts';
import { findInvitationForMail, generateInvitationToken, setMailToken } from './invitations-store.ts';

/** Names that could be read as a link, or as a message of their own, are left out: anyone may be invited by anyone. */
const PLAIN_NAME = /^[\p{L}\p{N} '&,()-]{1,60}$/u;

/** The mail about an invitation, with a token of its own; null if the invitation is not pending any more. */
export async function prepareInvitationMail(
  db: Queryable,
  clock: Clock,
  {
    invitationId,
    appUrl,
    brandOfAccount,
  }: { invitationId: string; appUrl: string; brandOfAccount: (accountId: string) => Promise<Brand | null> },
): Promise<(MailContent & { to: string }) | null> {
  const found = await findInvitationForMail(db, invitationId);
  if (found === undefined || invitationStatus(found.invitation, clock.now()) !== 'pending') return null;
  const { invitation, accountName, inviterEmail } = found;
  const token = generateInvitationToken();
  await setMailToken(db, invitation.id, token);
  const account = PLAIN_NAME.test(accountName) ? ` "${accountName}"` : '';
  const opening = `${inviterEmail} invites you to join the account${account}.`;
  const brand = await brandOfAccount(invitation.accountId);
  return { to: invitation.email, ...renderMail('invitation', { appUrl, token, opening, brand }) };
}
