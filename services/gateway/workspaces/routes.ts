import type { FastifyInstance } from 'fastify';
import type { QuotaResources } from '#libs/clients/quota-resources.ts';
import { MANAGER_ROLES } from '#libs/contracts/internal-context.ts';
import { toPage } from '#libs/contracts/page.ts';
import * as contract from '#libs/contracts/workspaces.ts';
import { type Database, transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { logAccess } from '#libs/service/access-log.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { requireRole } from '../auth/domain.ts';
import { WORKSPACES, type WorkspaceRow, workspaceOwner } from './domain.ts';
import { findWorkspace, insertWorkspace, listWorkspaces, removeWorkspace } from './store.ts';

export type WorkspaceRoutesOptions = { database: Database; runtime: Runtime; quotaResources: QuotaResources };

/** `/api/workspaces`: parts of an account. */
export function workspaceRoutes(app: FastifyInstance, options: WorkspaceRoutesOptions): void {
  const { database, runtime, quotaResources } = options;

  serveOperation(app, contract.listWorkspaces, async ({ caller, query }) =>
    toPage(await listWorkspaces(database, caller.accountId, query), query.limit, present),
  );

  serveOperation(app, contract.createWorkspace, async (request, reply) => {
    const { caller } = request;
    requireRole(caller, MANAGER_ROLES);
    const { accountId, userId } = caller;
    const workspace: WorkspaceRow = {
      id: runtime.newId(),
      accountId,
      name: request.body.name,
      createdBy: userId,
      createdAt: runtime.clock.now(),
    };
    await using allocation = await quotaResources.allocate({
      holdId: request.id,
      owner: workspaceOwner(accountId, userId),
      meter: WORKSPACES,
    });
    await transaction(database, async (tx) => {
      await insertWorkspace(tx, workspace);
      await allocation.settle(tx);
    });
    logAccess(request, 'workspace.created', { workspace: workspace.id, by_user: userId });
    reply.code(201);
    return present(workspace);
  });

  serveOperation(app, contract.getWorkspace, async ({ caller, params }) => {
    const workspace = await findWorkspace(database, caller.accountId, params.id);
    if (workspace === undefined) throw problem('not_found');
    return present(workspace);
  });

  serveOperation(app, contract.deleteWorkspace, async (request, reply) => {
    const { caller } = request;
    requireRole(caller, MANAGER_ROLES);
    const { accountId } = caller;
    const { id } = request.params;
    await transaction(database, async (tx) => {
      const removed = await removeWorkspace(tx, accountId, id);
      if (removed === undefined) throw problem('not_found');
      const owner = workspaceOwner(accountId, removed.createdBy);
      await quotaResources.release(tx, { owner, meter: WORKSPACES });
    });
    logAccess(request, 'workspace.deleted', { workspace: id, by_user: caller.userId });
    return reply.code(204).send();
  });
}

const present = (workspace: WorkspaceRow): contract.WorkspaceView => ({
  id: workspace.id,
  name: workspace.name,
  created_by: workspace.createdBy,
  created_at: workspace.createdAt.toISOString(),
});
