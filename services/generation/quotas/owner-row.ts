import type { Owner } from '#libs/ledger/quota-resources.ts';

/** The columns in which every thing of an account remembers whom it was counted for. */
export type OwnerRow = {
  account_id: string;
  user_id: string | null;
  key_id: string | null;
  workspace_id: string | null;
};

export function ownerOfRow(row: OwnerRow): Owner {
  return {
    accountId: row.account_id,
    userId: row.user_id,
    keyId: row.key_id,
    workspaceId: row.workspace_id,
  };
}

/** The same as parameters, in the order of {@link OWNER_COLUMNS}. */
export function ownerValues({ accountId, userId, keyId, workspaceId }: Owner): (string | null)[] {
  return [accountId, userId, keyId, workspaceId];
}

export const OWNER_COLUMNS = 'account_id, user_id, key_id, workspace_id';
