import type { AuditEntry } from '#libs/contracts/audit-entry.ts';
import type { Tx } from '#libs/db/database.ts';
import { auditLog } from '#libs/db/schema/audit.ts';

/** Records an action in its own transaction, so that neither is committed without the other. */
export async function recordAudit(tx: Tx, { by, ...entry }: AuditEntry): Promise<void> {
  await tx.insert(auditLog).values({ ...entry, actor: by.actor, requestId: by.requestId });
}
