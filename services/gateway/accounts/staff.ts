/** Platform roles, granted and revoked from the command line. */
import { asc, eq, ne } from 'drizzle-orm';
import { recordAudit } from '#libs/audit/record-audit.ts';
import type { Actor, AuditAction } from '#libs/contracts/audit-entry.ts';
import type { PlatformRole } from '#libs/contracts/internal-context.ts';
import { type Database, type Queryable, transaction } from '#libs/db/database.ts';
import { notify } from '#libs/db/notify.ts';
import { users } from '#libs/db/schema/gateway.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { findUserByEmail } from './store.ts';

export type StaffRole = Exclude<PlatformRole, 'none'>;

export type StaffChange =
  | { outcome: 'changed'; email: string; before: PlatformRole; after: PlatformRole }
  | { outcome: 'unchanged'; email: string; role: PlatformRole }
  | { outcome: 'unknown_user' };

/** The users with a platform role, by address. */
export function listStaff(db: Queryable) {
  return db
    .select({ email: users.email, name: users.name, role: users.platformRole })
    .from(users)
    .where(ne(users.platformRole, 'none'))
    .orderBy(asc(users.email));
}

/** Sets a user's platform role, `none` to revoke it. Takes effect for signed-in users at once, and is audited. */
export function setPlatformRole(
  db: Database,
  runtime: Runtime,
  { email, role }: { email: string; role: PlatformRole },
  by: Actor,
): Promise<StaffChange> {
  return transaction(db, async (tx): Promise<StaffChange> => {
    const user = await findUserByEmail(tx, email);
    if (user === undefined) return { outcome: 'unknown_user' };
    const { id, platformRole: before } = user;
    if (before === role) return { outcome: 'unchanged', email: user.email, role };
    await tx
      .update(users)
      .set({ platformRole: role, updatedAt: runtime.clock.now() })
      .where(eq(users.id, id));
    const action: AuditAction = role === 'none' ? 'staff.revoked' : 'staff.granted';
    await recordAudit(tx, {
      id: runtime.newId(),
      at: runtime.clock.now(),
      by,
      action,
      subject: `user:${id}`,
      accountId: null,
      before: { platform_role: before },
      after: { platform_role: role },
      reason: null,
    });
    await notify(tx, { kind: 'user', id });
    return { outcome: 'changed', email: user.email, before, after: role };
  });
}
