import type { Pool } from 'pg';
import type { AuditEntry, AuditFilter, AuditState, RecordedAuditEntry } from './domain.ts';

type AuditRow = {
  id: string;
  at: Date;
  actor: string;
  action: string;
  subject: string;
  account_id: string | null;
  before: AuditState;
  after: AuditState;
  reason: string | null;
  request_id: string | null;
};

/** Puts an action on record, in the transaction that carries it out: neither happens without the other. */
export async function recordAudit(client: Pick<Pool, 'query'>, entry: AuditEntry): Promise<void> {
  const { id, at, by, action, subject, accountId, before, after, reason } = entry;
  await client.query(
    `INSERT INTO audit_log (id, at, actor, action, subject, account_id, before, after, reason, request_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [id, at, by.actor, action, subject, accountId, before, after, reason, by.requestId],
  );
}

const LIST_SQL = `
  SELECT id, at, actor, action, subject, account_id, before, after, reason, request_id
    FROM audit_log
   WHERE ($2::uuid IS NULL OR id < $2) AND ($3::uuid IS NULL OR account_id = $3)
     AND ($4::text IS NULL OR actor = $4)
     AND ($5::text IS NULL OR action = $5 OR (right($5, 1) = '.' AND starts_with(action, $5)))
     AND ($6::text IS NULL OR subject = $6)
     AND ($7::timestamptz IS NULL OR at >= $7) AND ($8::timestamptz IS NULL OR at < $8)
   ORDER BY id DESC
   LIMIT $1`;

export type AuditStore = {
  /** Newest first, after the entry `cursor`. */
  list: (
    filter: AuditFilter,
    page: { limit: number; cursor: string | undefined },
  ) => Promise<RecordedAuditEntry[]>;
};

export function createAuditStore(pool: Pick<Pool, 'query'>): AuditStore {
  return {
    async list({ accountId, actor, action, subject, from, to }, { limit, cursor }) {
      const { rows } = await pool.query<AuditRow>(LIST_SQL, [
        limit,
        cursor,
        accountId,
        actor,
        action,
        subject,
        from,
        to,
      ]);
      return rows.map(({ account_id, request_id, actor: who, ...row }) => ({
        ...row,
        accountId: account_id,
        by: { actor: who, requestId: request_id },
      }));
    },
  };
}
