/**
 * The commit order of transactions: the order of their commit records in the write-ahead log, as a recovery would replay
 * them. It does not depend on a clock.
 */
import type { Pool } from 'pg';

export type CommitRecorder = {
  /** Holds of the account that committed before the stop, and those between it and its lifting. */
  admissions: (accountId: string, stopId: string) => Promise<{ before: number; between: number }>;
  remove: () => Promise<void>;
};

/** Records the transactions of admitted holds, stops, and lifted stops. */
const INSTALL = `
  CREATE EXTENSION IF NOT EXISTS pg_walinspect;
  CREATE TABLE prove_commits (kind text NOT NULL, id uuid NOT NULL, account_id uuid, xid xid NOT NULL);
  CREATE FUNCTION prove_note() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO prove_commits
    VALUES (TG_ARGV[0], NEW.id, (to_jsonb(NEW) ->> 'account_id')::uuid, pg_current_xact_id()::xid);
    RETURN NULL;
  END $$;
  CREATE TRIGGER prove_hold AFTER INSERT ON ledger_decisions
    FOR EACH ROW WHEN (NEW.verdict = 'ok') EXECUTE FUNCTION prove_note('hold');
  CREATE TRIGGER prove_stop AFTER INSERT ON ledger_stops FOR EACH ROW EXECUTE FUNCTION prove_note('stop');
  CREATE TRIGGER prove_lift AFTER UPDATE ON ledger_stops FOR EACH ROW EXECUTE FUNCTION prove_note('lift');
  GRANT INSERT ON prove_commits TO PUBLIC`;

const REMOVE = `
  DROP TRIGGER prove_hold ON ledger_decisions;
  DROP TRIGGER prove_stop ON ledger_stops;
  DROP TRIGGER prove_lift ON ledger_stops;
  DROP FUNCTION prove_note;
  DROP TABLE prove_commits`;

const COUNT = `
  WITH commits AS (
    SELECT xid, start_lsn AS place FROM pg_get_wal_records_info($3::pg_lsn, pg_current_wal_flush_lsn())
     WHERE resource_manager = 'Transaction' AND record_type = 'COMMIT'
  ), noted AS (
    SELECT n.kind, n.id, n.account_id, c.place FROM prove_commits n LEFT JOIN commits c ON c.xid = n.xid
  )
  SELECT count(*) FILTER (WHERE hold.place < stop.place)::int AS before,
         count(*) FILTER (WHERE hold.place > stop.place AND hold.place < lift.place)::int AS between,
         count(*) FILTER (WHERE hold.place IS NULL OR stop.place IS NULL OR lift.place IS NULL)::int AS unknown
    FROM noted hold
    JOIN noted stop ON stop.kind = 'stop' AND stop.id = $2
    JOIN noted lift ON lift.kind = 'lift' AND lift.id = $2
   WHERE hold.kind = 'hold' AND hold.account_id = $1`;

export async function recordCommits(pool: Pool): Promise<CommitRecorder> {
  await pool.query(INSTALL);
  const { rows } = await pool.query<{ start: string }>('SELECT pg_current_wal_insert_lsn()::text AS start');
  const start = rows[0]?.start;
  return {
    async admissions(accountId, stopId) {
      const counted = await pool.query<{ before: number; between: number; unknown: number }>(COUNT, [
        accountId,
        stopId,
        start,
      ]);
      const { before = 0, between = 0, unknown = 1 } = counted.rows[0] ?? {};
      if (unknown > 0) throw new Error(`${unknown} commits are not in the log`);
      return { before, between };
    },
    remove: async () => {
      await pool.query(REMOVE);
    },
  };
}
