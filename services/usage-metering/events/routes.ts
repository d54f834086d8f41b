import type { FastifyInstance } from 'fastify';
import { reportEvents } from '#libs/contracts/events.ts';
import { MANAGER_ROLES } from '#libs/contracts/internal-context.ts';
import type { Database } from '#libs/db/database.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { recordEvents } from './store.ts';

export type EventRouteOptions = {
  database: Database;
  ledger: Pick<Ledger, 'recordPast'>;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
};

export function eventRoutes(app: FastifyInstance, options: EventRouteOptions): void {
  const { database, ledger, runtime } = options;

  serveOperation(app, reportEvents, async (request) => {
    const { accountId, userId, keyId, workspaceId, role } = callerOf(request);
    if (userId !== null && !MANAGER_ROLES.includes(role))
      throw problem('role_required', { fields: { required_roles: [...MANAGER_ROLES], role } });
    const { events } = request.body;
    const { clock, newId } = runtime;
    const member = { userId, keyId, workspaceId };
    const batch = { accountId, member, events, now: clock.now(), newId };
    return { results: await recordEvents(database, ledger, batch) };
  });
}
