import type { Pool } from 'pg';
import type { QuotaResources } from '#libs/clients/quota-resources.ts';
import type { PostState } from '#libs/contracts/social.ts';
import { type Connection as DatabaseConnection, transaction } from '#libs/db/transaction.ts';
import { OWNER_COLUMNS, type OwnerRow, ownerOfRow, ownerValues } from '../quotas/owner-row.ts';
import { POSTS } from './domain.ts';
import type { ClaimedPost, SocialPost, SocialPostStore } from './ports.ts';

type Row = OwnerRow & {
  id: string;
  connection_id: string;
  text: string;
  state: PostState;
  scheduled_at: Date | null;
  due_at: Date | null;
  attempts: number;
  claimed_until: Date | null;
  hold_id: string | null;
  published_at: Date | null;
  external_url: string | null;
  failure_code: string | null;
  failure_detail: string | null;
  created_at: Date;
};

type ClaimedRow = Pick<Row, 'id' | 'text' | 'hold_id' | 'attempts'> &
  OwnerRow & { platform: string | null; credential_reference: string | null };

const WRITTEN = `id, ${OWNER_COLUMNS}, connection_id, text, state, scheduled_at, due_at, attempts, claimed_until,
  hold_id, created_at`;
const COLUMNS = `${WRITTEN}, published_at, external_url, failure_code, failure_detail`;

/** Whoever claimed it later counts one attempt more, and what the earlier one finds out does not matter any more. */
const STILL_OURS = `id = $1 AND state = 'scheduled' AND attempts = $2`;

const CLAIM_SQL = `
  WITH due AS (
    SELECT id FROM social_posts
     WHERE state = 'scheduled' AND due_at <= $1 AND (claimed_until IS NULL OR claimed_until <= $1)
     ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED),
  claimed AS (
    UPDATE social_posts p SET claimed_until = $2, attempts = p.attempts + 1 FROM due WHERE p.id = due.id
    RETURNING p.*)
  SELECT p.id, p.account_id, p.user_id, p.key_id, p.workspace_id, p.text, p.hold_id, p.attempts, c.platform,
         c.credential_reference
    FROM claimed p
    LEFT JOIN social_connections c ON c.id = p.connection_id AND c.account_id = p.account_id
   ORDER BY p.due_at`;

export function createSocialPostStore(
  pool: Pool,
  quotaResources: Pick<QuotaResources, 'release'>,
): SocialPostStore {
  return {
    async list(accountId, { limit, cursor, state }) {
      const { rows } = await pool.query<Row>(
        `SELECT ${COLUMNS} FROM social_posts
          WHERE account_id = $1 AND ($2::uuid IS NULL OR id < $2) AND ($3::text IS NULL OR state = $3)
          ORDER BY id DESC LIMIT $4`,
        [accountId, cursor ?? null, state ?? null, limit + 1],
      );
      return rows.map(toPost);
    },
    async find(accountId, id) {
      const { rows } = await pool.query<Row>(
        `SELECT ${COLUMNS} FROM social_posts WHERE account_id = $1 AND id = $2`,
        [accountId, id],
      );
      return rows.map(toPost)[0];
    },
    insert,
    insertDrafts: (posts) => insert(pool, posts),
    async schedule(database, accountId, id, { scheduledAt, dueAt, claimedUntil, attempts, holdId }) {
      const { rowCount } = await database.query(
        `UPDATE social_posts
            SET state = 'scheduled', scheduled_at = $3, due_at = $4, claimed_until = $5, attempts = $6, hold_id = $7,
                failure_code = NULL, failure_detail = NULL
          WHERE account_id = $1 AND id = $2 AND state IN ('draft', 'failed')`,
        [accountId, id, scheduledAt, dueAt, claimedUntil, attempts, holdId],
      );
      return rowCount === 1;
    },
    remove: (accountId, id) =>
      transaction(pool, async (database) => {
        const { rows } = await database.query<OwnerRow & { hold_id: string | null }>(
          `DELETE FROM social_posts
            WHERE account_id = $1 AND id = $2
              AND (state IN ('draft', 'failed') OR state = 'scheduled' AND claimed_until IS NULL)
           RETURNING ${OWNER_COLUMNS}, hold_id`,
          [accountId, id],
        );
        const [removed] = rows;
        if (removed !== undefined) await uncount(database, ownerOfRow(removed), removed.hold_id);
        return removed !== undefined;
      }),
    async claimDue(now, claimedUntil, limit) {
      const { rows } = await pool.query<ClaimedRow>(CLAIM_SQL, [now, claimedUntil, limit]);
      return rows.map(toClaimed);
    },
    async markPublished(post, { externalId, url, at }) {
      await pool.query(
        `UPDATE social_posts
            SET state = 'published', published_at = $3, external_id = $4, external_url = $5, due_at = NULL,
                claimed_until = NULL
          WHERE ${STILL_OURS}`,
        [post.id, post.attempts, at, externalId, url],
      );
    },
    markFailed: (post, { code, detail }) =>
      transaction(pool, async (database) => {
        const { rowCount } = await database.query(
          `UPDATE social_posts
              SET state = 'failed', failure_code = $3, failure_detail = $4, hold_id = NULL, due_at = NULL,
                  claimed_until = NULL
            WHERE ${STILL_OURS}`,
          [post.id, post.attempts, code, detail],
        );
        if (rowCount === 1) await uncount(database, post.owner, post.holdId);
      }),
    async postpone(post, dueAt) {
      await pool.query(`UPDATE social_posts SET due_at = $3, claimed_until = NULL WHERE ${STILL_OURS}`, [
        post.id,
        post.attempts,
        dueAt,
      ]);
    },
  };

  /** To the day and the week it was counted in. */
  async function uncount(
    database: DatabaseConnection,
    owner: SocialPost['owner'],
    holdId: string | null,
  ): Promise<void> {
    if (holdId !== null)
      await quotaResources.release({ $client: database }, { owner, meter: POSTS, under: holdId });
  }
}

async function insert(database: Pick<Pool, 'query'>, posts: readonly SocialPost[]): Promise<void> {
  await database.query(
    `INSERT INTO social_posts (${WRITTEN})
     SELECT ${WRITTEN} FROM jsonb_populate_recordset(NULL::social_posts, $1)`,
    [JSON.stringify(posts.map(writtenRow))],
  );
}

function writtenRow(post: SocialPost) {
  const [account_id, user_id, key_id, workspace_id] = ownerValues(post.owner);
  return {
    id: post.id,
    account_id,
    user_id,
    key_id,
    workspace_id,
    connection_id: post.connectionId,
    text: post.text,
    state: post.state,
    scheduled_at: post.scheduledAt,
    due_at: post.dueAt,
    attempts: post.attempts,
    claimed_until: post.claimedUntil,
    hold_id: post.holdId,
    created_at: post.createdAt,
  };
}

function toPost(row: Row): SocialPost {
  const { failure_code: code, failure_detail: detail } = row;
  return {
    id: row.id,
    owner: ownerOfRow(row),
    connectionId: row.connection_id,
    text: row.text,
    state: row.state,
    scheduledAt: row.scheduled_at,
    dueAt: row.due_at,
    attempts: row.attempts,
    claimedUntil: row.claimed_until,
    holdId: row.hold_id,
    publishedAt: row.published_at,
    externalUrl: row.external_url,
    failure: code === null || detail === null ? null : { code, detail },
    createdAt: row.created_at,
  };
}

function toClaimed(row: ClaimedRow): ClaimedPost {
  const { platform, credential_reference: credentialReference } = row;
  return {
    id: row.id,
    owner: ownerOfRow(row),
    text: row.text,
    holdId: row.hold_id,
    attempts: row.attempts,
    connection: platform === null || credentialReference === null ? null : { platform, credentialReference },
  };
}
