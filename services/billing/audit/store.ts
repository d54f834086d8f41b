import { and, desc, eq, gte, like, lt } from 'drizzle-orm';
import { afterCursor } from '#libs/db/after-cursor.ts';
import type { Queryable } from '#libs/db/database.ts';
import { auditLog } from '#libs/db/schema/audit.ts';
import type { AuditFilter, AuditRow } from './domain.ts';

/** Newest first, after the entry `cursor`. */
export function listAuditEntries(
  db: Queryable,
  { accountId, actor, action, subject, from, to }: AuditFilter,
  { limit, cursor }: { limit: number; cursor: string | undefined },
): Promise<AuditRow[]> {
  return db
    .select()
    .from(auditLog)
    .where(
      and(
        afterCursor(auditLog.id, cursor),
        accountId === undefined ? undefined : eq(auditLog.accountId, accountId),
        actor === undefined ? undefined : eq(auditLog.actor, actor),
        action === undefined ? undefined : matchesAction(action),
        subject === undefined ? undefined : eq(auditLog.subject, subject),
        from === undefined ? undefined : gte(auditLog.at, from),
        to === undefined ? undefined : lt(auditLog.at, to),
      ),
    )
    .orderBy(desc(auditLog.id))
    .limit(limit);
}

function matchesAction(action: string) {
  if (!action.endsWith('.')) return eq(auditLog.action, action);
  return like(auditLog.action, `${action.replaceAll(/[\\%_]/g, '\\$&')}%`);
}
