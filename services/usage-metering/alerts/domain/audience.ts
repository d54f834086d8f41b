/** Who sees an alert, and who is notified of it. */
import type { AlertKind } from '#libs/contracts/alert-kinds.ts';

export type Member = { userId: string; role: 'owner' | 'admin' | 'member' };
export type AlertSubject = { kind: AlertKind; userId: string | null };

/** Members see alerts about usage, and those about themselves; owners and admins see all of the account. */
export const MEMBER_KINDS: readonly AlertKind[] = ['threshold', 'anomaly'];

export const managesAccount = ({ role }: Member): boolean => role !== 'member';

/** Owners and admins, or the one user that the alert concerns. */
export function audienceOf<M extends Member>({ userId }: AlertSubject, members: readonly M[]): M[] {
  return members.filter((member) => (userId === null ? managesAccount(member) : member.userId === userId));
}
