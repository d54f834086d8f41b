import type { Pool } from 'pg';
import type { QuotaResources } from '#libs/clients/quota-resources.ts';
import { transaction } from '#libs/db/transaction.ts';
import { OWNER_COLUMNS, type OwnerRow, ownerOfRow, ownerValues } from '../quotas/owner-row.ts';
import { KB_FILES, type KbFile, type KbFileStore } from './domain.ts';

type Row = OwnerRow & {
  id: string;
  name: string;
  media_type: string;
  size_bytes: number;
  created_at: Date;
};

const COLUMNS = `id, ${OWNER_COLUMNS}, name, media_type, size_bytes, created_at`;

export function createKbFileStore(pool: Pool, quotaResources: Pick<QuotaResources, 'release'>): KbFileStore {
  return {
    async list(accountId, { limit, cursor }) {
      const { rows } = await pool.query<Row>(
        `SELECT ${COLUMNS} FROM kb_files
          WHERE account_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
        [accountId, cursor ?? null, limit + 1],
      );
      return rows.map(toFile);
    },
    async find(accountId, id) {
      const { rows } = await pool.query<Row & { content: string }>(
        `SELECT ${COLUMNS}, content FROM kb_files WHERE account_id = $1 AND id = $2`,
        [accountId, id],
      );
      return rows.map((row) => ({ ...toFile(row), content: row.content }))[0];
    },
    async insert(database, file) {
      await database.query(
        `INSERT INTO kb_files (${COLUMNS}, content) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
        [
          file.id,
          ...ownerValues(file.owner),
          file.name,
          file.mediaType,
          file.sizeBytes,
          file.createdAt,
          file.content,
        ],
      );
    },
    remove: (accountId, id) =>
      transaction(pool, async (database) => {
        const { rows } = await database.query<OwnerRow>(
          `DELETE FROM kb_files WHERE account_id = $1 AND id = $2 RETURNING ${OWNER_COLUMNS}`,
          [accountId, id],
        );
        const [removed] = rows;
        if (removed === undefined) return false;
        await quotaResources.release({ $client: database }, { owner: ownerOfRow(removed), meter: KB_FILES });
        return true;
      }),
  };
}

function toFile(row: Row): KbFile {
  return {
    id: row.id,
    owner: ownerOfRow(row),
    name: row.name,
    mediaType: row.media_type,
    sizeBytes: row.size_bytes,
    createdAt: row.created_at,
  };
}
