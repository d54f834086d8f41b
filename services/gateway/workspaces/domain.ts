/** Workspaces as things that a plan has so many of. */

/** The meter that counts them. */
export const WORKSPACES = 'workspaces';

/** A workspace is not in a workspace, and no API key makes one. */
export function workspaceOwner(accountId: string, createdBy: string | null) {
  return { accountId, userId: createdBy, keyId: null, workspaceId: null };
}
