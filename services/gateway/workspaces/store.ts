import { and, desc, eq, lt } from 'drizzle-orm';
import type { Pool } from 'pg';
import type { QuotaResources } from '#libs/clients/quota-resources.ts';
import { workspaces } from '#libs/db/schema/gateway.ts';
import { transaction } from '#libs/db/transaction.ts';
import { problem } from '#libs/problems/problems.ts';
import { createDatabase, notify, onConnection, violatesUnique } from '../accounts/database.ts';
import type { WorkspaceStore } from '../auth/ports.ts';
import { WORKSPACES, workspaceOwner } from './domain.ts';

export function createWorkspaceStore(
  pool: Pool,
  quotaResources: Pick<QuotaResources, 'release'>,
): WorkspaceStore {
  const db = createDatabase(pool);
  const its = (accountId: string, id: string) =>
    and(eq(workspaces.accountId, accountId), eq(workspaces.id, id));

  return {
    list: (accountId, { limit, cursor }) =>
      db
        .select()
        .from(workspaces)
        .where(
          and(
            eq(workspaces.accountId, accountId),
            cursor === undefined ? undefined : lt(workspaces.id, cursor),
          ),
        )
        .orderBy(desc(workspaces.id))
        .limit(limit + 1),

    async find(accountId, id) {
      const [found] = await db.select().from(workspaces).where(its(accountId, id));
      return found ?? null;
    },

    async insert(connection, workspace) {
      try {
        await onConnection(connection).insert(workspaces).values(workspace);
      } catch (error) {
        if (!violatesUnique(error, 'workspaces_name')) throw error;
        throw problem('conflict', {
          detail: 'The account has a workspace of this name already.',
          fields: { param: 'name' },
        });
      }
    },

    remove: (accountId, id) =>
      transaction(pool, async (connection) => {
        const tx = onConnection(connection);
        const [removed] = await tx.delete(workspaces).where(its(accountId, id)).returning();
        if (removed === undefined) throw problem('not_found');
        await quotaResources.release(
          { $client: connection },
          {
            owner: workspaceOwner(accountId, removed.createdBy),
            meter: WORKSPACES,
          },
        );
        // Whoever remembers that it belongs to the account forgets it.
        await notify(tx, { kind: 'account', id: accountId });
      }),
  };
}
