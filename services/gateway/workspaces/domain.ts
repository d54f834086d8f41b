import type { workspaces } from '#libs/db/schema/gateway.ts';

/** The meter that counts workspaces. */
export const WORKSPACES = 'workspaces';

export type WorkspaceRow = typeof workspaces.$inferSelect;

/** A workspace counts for the user who created it, not for a workspace or an API key. */
export function workspaceOwner(accountId: string, createdBy: string | null) {
  return { accountId, userId: createdBy, keyId: null, workspaceId: null };
}
