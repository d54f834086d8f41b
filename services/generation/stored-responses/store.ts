import type { Pool } from 'pg';
import type { StoredResponse } from '#libs/contracts/stored-response.ts';
import { shardOf } from '#libs/ledger/shard.ts';
import type { AnswerStore } from './domain.ts';

/** The rows behind kept answers. One without an answer means that a process is at it. */
export type ResultStore = AnswerStore & {
  /**
   * `unknown` where there is none for this account, or the process that was at it is gone. An answer is kept before its
   * last call is settled, and is `done` only once the books have every call of it: nobody gets what nobody paid for.
   */
  readonly find: (requestId: string, accountId: string) => Promise<StoredResponse>;
  /** Deletes answers nobody may ask for any more. */
  readonly purge: () => Promise<number>;
};

/** Three missed renewals; the database's clock decides, because processes' clocks differ. */
const LEASE = "interval '15 seconds'";
export const RENEW_EVERY_MS = 5_000;

/** An hour longer than the gateway remembers a key. */
const KEPT_FOR = "interval '25 hours'";

type Row = {
  state: 'running' | 'done';
  is_leased: boolean;
  is_settled: boolean;
  status: number | null;
  headers: Record<string, string> | null;
  body: Buffer | null;
};

export function createResultStore(pool: Pool): ResultStore {
  return {
    async begin(requestId, accountId) {
      const { rowCount } = await pool.query(
        `INSERT INTO generation_results (request_id, account_id, state, lease_until, created_at)
         VALUES ($1, $2, 'running', now() + ${LEASE}, now()) ON CONFLICT DO NOTHING`,
        [requestId, accountId],
      );
      return rowCount === 1;
    },
    async finish(requestId, { status, headers, body }) {
      await pool.query(
        `UPDATE generation_results SET state = 'done', status = $2, headers = $3, body = $4 WHERE request_id = $1`,
        [requestId, status, JSON.stringify(headers), body],
      );
    },
    async abandon(requestId) {
      await pool.query(`DELETE FROM generation_results WHERE request_id = $1 AND state = 'running'`, [
        requestId,
      ]);
    },
    async renew(requestIds) {
      if (requestIds.length === 0) return;
      await pool.query(
        `UPDATE generation_results SET lease_until = now() + ${LEASE} WHERE request_id = ANY ($1)`,
        [requestIds],
      );
    },
    async find(requestId, accountId) {
      const { rows } = await pool.query<Row>(
        `SELECT r.state, r.lease_until > now() AS is_leased, r.status, r.headers, r.body,
                cardinality(h.settled_calls)
                  >= coalesce(jsonb_array_length(h.detail::jsonb -> 'calls'), 1) AS is_settled
           FROM generation_results r
           LEFT JOIN ledger_holds h ON h.shard = $3 AND h.id = r.request_id
          WHERE r.request_id = $1 AND r.account_id = $2`,
        [requestId, accountId, shardOf(accountId)],
      );
      const row = rows[0];
      if (row?.state === 'running' || row?.is_settled === false) {
        return { state: row.is_leased ? 'running' : 'unknown' };
      }
      if (row?.status == null || row.headers === null || row.body === null) return { state: 'unknown' };
      const { status, headers, body } = row;
      return { state: 'done', status, headers, body_base64: body.toString('base64') };
    },
    async purge() {
      const { rowCount } = await pool.query(
        `DELETE FROM generation_results WHERE created_at < now() - ${KEPT_FOR}`,
      );
      return rowCount ?? 0;
    },
  };
}
