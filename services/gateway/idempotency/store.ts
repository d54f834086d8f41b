/** Rows of `idempotency_keys`: who runs a request, and what it was answered. */
import type { Pool } from 'pg';
import type { IdempotencyStore } from './stored-response.ts';

const LIFETIME_MS = 24 * 60 * 60 * 1000;

type Row = {
  body_hash: string;
  request_id: string;
  lease_until: Date;
  status: number | null;
  headers: Record<string, string> | null;
  body: Buffer | null;
};

export function createIdempotencyStore(pool: Pool): IdempotencyStore {
  return {
    async claim({ accountId, key }, { bodyHash, requestId, now, leaseUntil }) {
      const { rowCount } = await pool.query(
        `INSERT INTO idempotency_keys AS k (account_id, key, body_hash, request_id, state, lease_until, created_at, expires_at)
         VALUES ($1, $2, $3, $4, 'running', $5, $6, $7)
         ON CONFLICT (account_id, key) DO UPDATE
           SET body_hash = excluded.body_hash, request_id = excluded.request_id, state = 'running',
               lease_until = excluded.lease_until, status = NULL, headers = NULL, body = NULL,
               created_at = excluded.created_at, expires_at = excluded.expires_at
         WHERE k.expires_at <= excluded.created_at`,
        [accountId, key, bodyHash, requestId, leaseUntil, now, new Date(now.getTime() + LIFETIME_MS)],
      );
      return rowCount === 1;
    },
    async find({ accountId, key }, now) {
      const { rows } = await pool.query<Row>(
        `SELECT body_hash, request_id, lease_until, status, headers, body FROM idempotency_keys
          WHERE account_id = $1 AND key = $2 AND expires_at > $3`,
        [accountId, key, now],
      );
      const row = rows[0];
      if (row === undefined) return undefined;
      const { status, headers, body } = row;
      return {
        bodyHash: row.body_hash,
        requestId: row.request_id,
        leaseUntil: row.lease_until,
        answer: status === null || headers === null || body === null ? null : { status, headers, body },
      };
    },
    async takeOver({ accountId, key }, from, to) {
      const { rowCount } = await pool.query(
        `UPDATE idempotency_keys SET request_id = $3, lease_until = $4
          WHERE account_id = $1 AND key = $2 AND request_id = $5 AND state = 'running' AND lease_until = $6`,
        [accountId, key, to.requestId, to.leaseUntil, from.requestId, from.leaseUntil],
      );
      return rowCount === 1;
    },
    async renew(requestIds, leaseUntil) {
      await pool.query(
        `UPDATE idempotency_keys SET lease_until = $2 WHERE request_id = ANY ($1::uuid[]) AND state = 'running'`,
        [requestIds, leaseUntil],
      );
    },
    async finish({ accountId, key }, requestId, answer) {
      await pool.query(
        `UPDATE idempotency_keys SET state = 'done', status = $4, headers = $5, body = $6
          WHERE account_id = $1 AND key = $2 AND request_id = $3`,
        [accountId, key, requestId, answer.status, JSON.stringify(answer.headers), answer.body],
      );
    },
    async release({ accountId, key }, requestId) {
      await pool.query(
        `DELETE FROM idempotency_keys WHERE account_id = $1 AND key = $2 AND request_id = $3 AND state = 'running'`,
        [accountId, key, requestId],
      );
    },
    async purge(now) {
      const { rowCount } = await pool.query('DELETE FROM idempotency_keys WHERE expires_at <= $1', [now]);
      return rowCount ?? 0;
    },
  };
}
