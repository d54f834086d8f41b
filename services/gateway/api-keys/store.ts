import { and, desc, eq, lt, sql } from 'drizzle-orm';
import { accounts, apiKeys } from '#libs/db/schema/gateway.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { type Database, notify, type Transaction } from '../accounts/database.ts';
import type { ApiKeyRecord, ApiKeyStore } from '../auth/ports.ts';

/** `jsonb` comes back untyped; it was written from the contract. */
const toRecord = (row: typeof apiKeys.$inferSelect): ApiKeyRecord => ({
  ...row,
  limits: row.limits as ApiKeyRecord['limits'],
});

export function createApiKeyStore(db: Database, clock: Clock): ApiKeyStore {
  async function find(tx: Database | Transaction, accountId: string, id: string) {
    const [row] = await tx
      .select()
      .from(apiKeys)
      .where(and(eq(apiKeys.accountId, accountId), eq(apiKeys.id, id)));
    return row === undefined ? null : toRecord(row);
  }

  return {
    async insert(key) {
      await db.insert(apiKeys).values(key);
    },

    async list(accountId, { limit, cursor }) {
      const rows = await db
        .select()
        .from(apiKeys)
        .where(
          and(eq(apiKeys.accountId, accountId), cursor === undefined ? undefined : lt(apiKeys.id, cursor)),
        )
        .orderBy(desc(apiKeys.id))
        .limit(limit + 1);
      return rows.map(toRecord);
    },

    find: (accountId, id) => find(db, accountId, id),

    revoke: (accountId, id) =>
      db.transaction(async (tx) => {
        const key = await find(tx, accountId, id);
        if (key === null) throw problem('not_found');
        if (key.revokedAt !== null) return null;
        await tx.update(apiKeys).set({ revokedAt: clock.now() }).where(eq(apiKeys.id, id));
        await notify(tx, { kind: 'api_key', id: key.publicId });
        return key.publicId;
      }),

    async findByPublicId(publicId) {
      const [found] = await db
        .select({ key: apiKeys, accountStatus: accounts.status })
        .from(apiKeys)
        .innerJoin(accounts, eq(accounts.id, apiKeys.accountId))
        .where(eq(apiKeys.publicId, publicId));
      return found === undefined ? null : { key: toRecord(found.key), accountStatus: found.accountStatus };
    },

    async touch(usedAt) {
      const ids = [...usedAt.keys()];
      const moments = [...usedAt.values()].map((moment) => moment.toISOString());
      // Rows another gateway is just writing are skipped: waiting for them could deadlock, and they are fresh anyway.
      await db.execute(sql`
        with used as (
          select k.id, u.at
          from ${apiKeys} k join unnest(${sql.param(ids)}::uuid[], ${sql.param(moments)}::timestamptz[]) as u (id, at) using (id)
          where k.last_used_at is null or k.last_used_at < u.at
          for update of k skip locked
        )
        update ${apiKeys} k set last_used_at = used.at from used where k.id = used.id`);
    },
  };
}
