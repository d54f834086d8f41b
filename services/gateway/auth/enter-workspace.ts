import { z } from 'zod';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { WORKSPACE_HEADER } from '#libs/contracts/workspaces.ts';
import { problem } from '#libs/problems/problems.ts';
import type { FreshCache } from '#libs/service/fresh-cache.ts';
import { changeTag } from './change-tag.ts';

/** A workspace that exists, and its account. */
export type KnownWorkspace = { id: string; accountId: string };

export const tagsOfWorkspace = ({ accountId }: KnownWorkspace): string[] => [
  changeTag({ kind: 'account', id: accountId }),
];

const workspaceId = z.uuid();

/**
 * The caller in the workspace that the request names.
 * @throws ProblemError `not_found` where the caller's account has no such workspace, `invalid_request`
 */
export type EnterWorkspace = (caller: Caller, named: string | string[]) => Promise<Caller>;

export function createEnterWorkspace(options: {
  findWorkspace: (accountId: string, id: string) => Promise<KnownWorkspace | null>;
  cache: FreshCache<KnownWorkspace>;
}): EnterWorkspace {
  const { findWorkspace, cache } = options;
  return async (caller, named) => {
    const { data: id } = workspaceId.safeParse(named);
    if (id === undefined) {
      throw problem('invalid_request', {
        detail: `${WORKSPACE_HEADER} must be the id (a UUID) of a workspace.`,
      });
    }
    const { accountId } = caller;
    const key = `${accountId} ${id}`;
    const known = cache.get(key) ?? (await cache.load(key, () => findWorkspace(accountId, id)));
    if (known === null) throw problem('not_found', { detail: `The account has no workspace ${id}.` });
    return { ...caller, workspaceId: id };
  };
}
