import { hash, randomBytes } from 'node:crypto';
import { and, count, desc, eq, gt, isNotNull, isNull, lt, lte, or, type SQL, sql } from 'drizzle-orm';
import type { PageQuery } from '#libs/contracts/page.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import { only, type Queryable, type Tx } from '#libs/db/database.ts';
import { accounts, invitations, users } from '#libs/db/schema/gateway.ts';
import type { InvitationRow, InvitationStatus } from './domain.ts';

/** Ended invitations stay visible in the list for a while. */
const KEPT_AFTER_EXPIRY_MS = 30 * 24 * 60 * 60 * 1000;

const TOKEN_BYTES = 32;

export const generateInvitationToken = (): string => `inv_${randomBytes(TOKEN_BYTES).toString('base64url')}`;

/** 256 random bits cannot be guessed, so no stretching is needed. */
export const hashInvitationToken = (token: string): string => hash('sha256', token, 'hex');

const isPending = (accountId: string, now: Date): SQL | undefined =>
  and(
    eq(invitations.accountId, accountId),
    isNull(invitations.acceptedAt),
    isNull(invitations.revokedAt),
    gt(invitations.expiresAt, now),
  );

const isOpen = () => and(isNull(invitations.acceptedAt), isNull(invitations.revokedAt));

/** As `invitationStatus` decides it. */
const HAS_STATUS: Readonly<Record<InvitationStatus, (now: Date) => SQL | undefined>> = {
  accepted: () => isNotNull(invitations.acceptedAt),
  revoked: () => and(isNull(invitations.acceptedAt), isNotNull(invitations.revokedAt)),
  expired: (now) => and(isOpen(), lte(invitations.expiresAt, now)),
  pending: (now) => and(isOpen(), gt(invitations.expiresAt, now)),
};

/** Newest first, one more than asked for. */
export function listInvitations(
  db: Queryable,
  accountId: string,
  { limit, cursor, status }: PageQuery & { status?: InvitationStatus | undefined },
  now: Date,
): Promise<InvitationRow[]> {
  return db
    .select()
    .from(invitations)
    .where(
      and(
        eq(invitations.accountId, accountId),
        afterCursor(invitations.id, cursor),
        status === undefined ? undefined : HAS_STATUS[status](now),
      ),
    )
    .orderBy(desc(invitations.id))
    .limit(limit + 1);
}

export async function findInvitationByToken(
  db: Queryable,
  token: string,
): Promise<InvitationRow | undefined> {
  const tokenHash = hashInvitationToken(token);
  const [found] = await db
    .select()
    .from(invitations)
    .where(or(eq(invitations.tokenHash, tokenHash), eq(invitations.mailTokenHash, tokenHash)));
  return found;
}

/** Serialises accepting and revoking one invitation. */
export async function lockInvitation(
  tx: Tx,
  invitation: Pick<InvitationRow, 'accountId' | 'id'>,
): Promise<InvitationRow | undefined> {
  const [found] = await tx
    .select()
    .from(invitations)
    .where(and(eq(invitations.accountId, invitation.accountId), eq(invitations.id, invitation.id)))
    .for('update');
  return found;
}

export async function countPending(tx: Tx, accountId: string, now: Date): Promise<number> {
  return only(await tx.select({ count: count() }).from(invitations).where(isPending(accountId, now))).count;
}

export async function insertInvitation(tx: Tx, invitation: InvitationRow): Promise<void> {
  await tx.insert(invitations).values(invitation);
}

/** The token of a mail. That of an earlier mail about the invitation no longer works. */
export async function setMailToken(db: Queryable, id: string, token: string): Promise<void> {
  await db
    .update(invitations)
    .set({ mailTokenHash: hashInvitationToken(token) })
    .where(eq(invitations.id, id));
}

/** An invitation with what its mail says. */
export async function findInvitationForMail(db: Queryable, id: string) {
  const [found] = await db
    .select({ invitation: invitations, accountName: accounts.name, inviterEmail: users.email })
    .from(invitations)
    .innerJoin(accounts, eq(accounts.id, invitations.accountId))
    .innerJoin(users, eq(users.id, invitations.invitedBy))
    .where(eq(invitations.id, id));
  return found;
}

export async function markAccepted(
  tx: Tx,
  id: string,
  accepted: { acceptedBy: string; acceptedAt: Date },
): Promise<void> {
  await tx.update(invitations).set(accepted).where(eq(invitations.id, id));
}

export async function markRevoked(tx: Tx, id: string, revokedAt: Date): Promise<void> {
  await tx.update(invitations).set({ revokedAt }).where(eq(invitations.id, id));
}

/** Revokes the pending invitations of one address, or those that one user has sent. */
export async function revokePending(
  tx: Tx,
  which: { accountId: string; email: string } | { accountId: string; invitedBy: string },
  now: Date,
): Promise<void> {
  const selected =
    'email' in which
      ? eq(sql`lower(${invitations.email})`, which.email.toLowerCase())
      : eq(invitations.invitedBy, which.invitedBy);
  await tx
    .update(invitations)
    .set({ revokedAt: now })
    .where(and(isPending(which.accountId, now), selected));
}

/** Deletes invitations that expired long ago. @returns how many. */
export async function deleteOldInvitations(db: Queryable, now: Date): Promise<number> {
  const { rowCount } = await db
    .delete(invitations)
    .where(lt(invitations.expiresAt, new Date(now.getTime() - KEPT_AFTER_EXPIRY_MS)));
  return rowCount ?? 0;
}
