import { and, desc, eq } from 'drizzle-orm';
import type { PageQuery } from '#libs/contracts/page.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import { type Queryable, type Tx, violatesUnique } from '#libs/db/database.ts';
import { notify } from '#libs/db/notify.ts';
import { workspaces } from '#libs/db/schema/gateway.ts';
import { problem } from '#libs/problems/problems.ts';
import type { WorkspaceRow } from './domain.ts';

const isWorkspace = (accountId: string, id: string) =>
  and(eq(workspaces.accountId, accountId), eq(workspaces.id, id));

/** Newest first, one more than asked for. */
export function listWorkspaces(
  db: Queryable,
  accountId: string,
  { limit, cursor }: PageQuery,
): Promise<WorkspaceRow[]> {
  return db
    .select()
    .from(workspaces)
    .where(and(eq(workspaces.accountId, accountId), afterCursor(workspaces.id, cursor)))
    .orderBy(desc(workspaces.id))
    .limit(limit + 1);
}

export async function findWorkspace(
  db: Queryable,
  accountId: string,
  id: string,
): Promise<WorkspaceRow | undefined> {
  const [found] = await db.select().from(workspaces).where(isWorkspace(accountId, id));
  return found;
}

/** @throws ProblemError `conflict` when the name is taken; the transaction is aborted then. */
export async function insertWorkspace(tx: Tx, workspace: WorkspaceRow): Promise<void> {
  try {
    await tx.insert(workspaces).values(workspace);
  } catch (error) {
    if (!violatesUnique(error, 'workspaces_name')) throw error;
    throw problem('conflict', {
      detail: `The account already has a workspace named "${workspace.name}".`,
      fields: { param: 'name' },
    });
  }
}

export async function removeWorkspace(
  tx: Tx,
  accountId: string,
  id: string,
): Promise<WorkspaceRow | undefined> {
  const [removed] = await tx.delete(workspaces).where(isWorkspace(accountId, id)).returning();
  // Gateways that cache it as a workspace of the account drop it.
  if (removed !== undefined) await notify(tx, { kind: 'account', id: accountId });
  return removed;
}
