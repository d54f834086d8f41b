/** What goes on record of the actions of staff. */
import type { AuditEntryWire } from '#libs/contracts/audit.ts';

export type AuditAction =
  | 'override.created'
  | 'override.ended'
  | 'segments.set'
  | 'flag.set'
  | 'flag.removed'
  | 'guard_rail.set'
  | 'guard_rail.withdrawn'
  | 'catalogue.imported'
  | 'catalogue.published'
  | 'plan.assigned'
  | 'payment.marked_paid'
  | 'payment.voided';

/** Who acts, and in which request. */
export type Actor = { readonly actor: string; readonly requestId: string | null };

/** What the thing was, as JSON; null where there was none. */
export type AuditState = Readonly<Record<string, unknown>> | null;

export type AuditEntry = {
  id: string;
  at: Date;
  by: Actor;
  action: AuditAction;
  /** `account:<id>`, `flag:<key>`, `guard_rail:<target>`, `catalogue:<version id>`. */
  subject: string;
  /** Null where it is about many accounts. */
  accountId: string | null;
  before: AuditState;
  after: AuditState;
  reason: string | null;
};

/** An entry as it is read again. */
export type RecordedAuditEntry = Omit<AuditEntry, 'action'> & { action: string };

export type AuditFilter = {
  accountId: string | undefined;
  actor: string | undefined;
  /** Exactly, or a prefix that ends with a dot. */
  action: string | undefined;
  subject: string | undefined;
  from: Date | undefined;
  to: Date | undefined;
};

export function presentAuditEntry({ by, at, accountId, ...entry }: RecordedAuditEntry): AuditEntryWire {
  return {
    ...entry,
    at: at.toISOString(),
    actor: by.actor,
    account_id: accountId,
    request_id: by.requestId,
  };
}
