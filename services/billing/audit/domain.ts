import type { AuditEntryWire } from '#libs/contracts/audit.ts';
import type { auditLog } from '#libs/db/schema/audit.ts';

export type AuditRow = typeof auditLog.$inferSelect;

export type AuditFilter = {
  accountId: string | undefined;
  actor: string | undefined;
  /** One action, or every action with this prefix where it ends with a dot. */
  action: string | undefined;
  subject: string | undefined;
  from: Date | undefined;
  to: Date | undefined;
};

export function presentAuditEntry({ at, accountId, requestId, ...entry }: AuditRow): AuditEntryWire {
  return { ...entry, at: at.toISOString(), account_id: accountId, request_id: requestId };
}
