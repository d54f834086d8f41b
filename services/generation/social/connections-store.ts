import type { Pool } from 'pg';
import type { QuotaResources } from '#libs/clients/quota-resources.ts';
import { transaction } from '#libs/db/transaction.ts';
import { OWNER_COLUMNS, type OwnerRow, ownerOfRow, ownerValues } from '../quotas/owner-row.ts';
import { CONNECTIONS } from './domain.ts';
import type { SocialConnection, SocialConnectionStore } from './ports.ts';

type Row = OwnerRow & {
  id: string;
  platform: string;
  handle: string;
  credential_reference: string;
  created_at: Date;
};

const COLUMNS = `id, ${OWNER_COLUMNS}, platform, handle, credential_reference, created_at`;

export function createSocialConnectionStore(
  pool: Pool,
  quotaResources: Pick<QuotaResources, 'release'>,
): SocialConnectionStore {
  return {
    async list(accountId, { limit, cursor }) {
      const { rows } = await pool.query<Row>(
        `SELECT ${COLUMNS} FROM social_connections
          WHERE account_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
        [accountId, cursor ?? null, limit + 1],
      );
      return rows.map(toConnection);
    },
    async find(accountId, ids) {
      const { rows } = await pool.query<Row>(
        `SELECT ${COLUMNS} FROM social_connections WHERE account_id = $1 AND id = ANY ($2)`,
        [accountId, ids],
      );
      return rows.map(toConnection);
    },
    async isConnected(accountId, platform, handle) {
      const { rowCount } = await pool.query(
        `SELECT FROM social_connections WHERE account_id = $1 AND platform = $2 AND lower(handle) = lower($3)`,
        [accountId, platform, handle],
      );
      return rowCount === 1;
    },
    async insert(database, connection) {
      const { rowCount } = await database.query(
        `INSERT INTO social_connections (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (account_id, platform, lower(handle)) DO NOTHING`,
        [
          connection.id,
          ...ownerValues(connection.owner),
          connection.platform,
          connection.handle,
          connection.credentialReference,
          connection.createdAt,
        ],
      );
      return rowCount === 1;
    },
    remove: (accountId, id) =>
      transaction(pool, async (database) => {
        const { rows } = await database.query<Row>(
          `DELETE FROM social_connections WHERE account_id = $1 AND id = $2 RETURNING ${COLUMNS}`,
          [accountId, id],
        );
        const [removed] = rows.map(toConnection);
        if (removed !== undefined) {
          await quotaResources.release({ $client: database }, { owner: removed.owner, meter: CONNECTIONS });
        }
        return removed;
      }),
  };
}

function toConnection(row: Row): SocialConnection {
  return {
    id: row.id,
    owner: ownerOfRow(row),
    platform: row.platform,
    handle: row.handle,
    credentialReference: row.credential_reference,
    createdAt: row.created_at,
  };
}
