import type { Pool } from 'pg';
import type { QuotaResources } from '#libs/clients/quota-resources.ts';
import { MANAGER_ROLES } from '#libs/contracts/internal-context.ts';
import { toPage } from '#libs/contracts/page.ts';
import * as contract from '#libs/contracts/workspaces.ts';
import { transaction } from '#libs/db/transaction.ts';
import { problem } from '#libs/problems/problems.ts';
import type { ServiceApp } from '#libs/service/create-service.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { audit } from '../auth/access-log.ts';
import { requireRole } from '../auth/domain.ts';
import type { Workspace, WorkspaceStore } from '../auth/ports.ts';
import { WORKSPACES, workspaceOwner } from './domain.ts';

export type WorkspaceDependencies = {
  pool: Pool;
  runtime: Runtime;
  store: WorkspaceStore;
  quotaResources: Pick<QuotaResources, 'allocate'>;
};

/** Parts of an account. */
export function registerWorkspaces(app: ServiceApp, dependencies: WorkspaceDependencies): void {
  const { pool, runtime, store, quotaResources } = dependencies;

  serveOperation(app, contract.listWorkspaces, async ({ caller, query }) =>
    toPage(await store.list(caller.accountId, query), query.limit, present),
  );

  serveOperation(app, contract.createWorkspace, async (request, reply) => {
    const { caller } = request;
    requireRole(caller, MANAGER_ROLES);
    const { accountId, userId } = caller;
    const workspace: Workspace = {
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
    await transaction(pool, async (connection) => {
      await store.insert(connection, workspace);
      await allocation.settle({ $client: connection });
    });
    audit(request, 'workspace.created', { workspace: workspace.id, by_user: userId });
    reply.code(201);
    return present(workspace);
  });

  serveOperation(app, contract.getWorkspace, async ({ caller, params }) => {
    const workspace = await store.find(caller.accountId, params.id);
    if (workspace === null) throw problem('not_found');
    return present(workspace);
  });

  serveOperation(app, contract.deleteWorkspace, async (request, reply) => {
    const { caller } = request;
    requireRole(caller, MANAGER_ROLES);
    await store.remove(caller.accountId, request.params.id);
    audit(request, 'workspace.deleted', { workspace: request.params.id, by_user: caller.userId });
    return reply.code(204).send();
  });
}

const present = (workspace: Workspace): contract.WorkspaceView => ({
  id: workspace.id,
  name: workspace.name,
  created_by: workspace.createdBy,
  created_at: workspace.createdAt.toISOString(),
});
