import type { FastifyInstance } from 'fastify';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { ownerOf } from '#libs/clients/quota-resources.ts';
import * as contract from '#libs/contracts/autopilot-operations.ts';
import { toPage } from '#libs/contracts/page.ts';
import { type Database, type Queryable, type Tx, transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import {
  type Autopilot,
  activated,
  checkConnections,
  checkPlan,
  MAX_AUTOPILOTS,
  paused,
} from './domain/autopilot.ts';
import { changesOf, createdFrom } from './domain/settings.ts';
import { presentAutopilot, presentRun } from './present.ts';
import { hasOpenRun, listRuns } from './runs-store.ts';
import {
  countAutopilots,
  deleteAutopilot,
  findAccountConnections,
  findAutopilot,
  findPlanEntries,
  insertAutopilot,
  listAutopilots,
  lockAutopilot,
  updateAutopilot,
} from './store.ts';

export type AutopilotRouteOptions = {
  database: Database;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  entitlements: Pick<AccountEntitlements, 'get' | 'catalogueOf'>;
};

export function autopilotRoutes(app: FastifyInstance, options: AutopilotRouteOptions): void {
  const { database, runtime, entitlements } = options;
  const { clock, newId } = runtime;

  /** @throws ProblemError if the plan does not include the autopilot, or something that it names does not exist. */
  async function check(db: Queryable, autopilot: Autopilot): Promise<void> {
    const { accountId, contentPlanId } = autopilot;
    const plan = await entitlements.get(accountId);
    checkPlan(autopilot, plan, await entitlements.catalogueOf(plan));
    checkConnections(autopilot, await findAccountConnections(db, accountId));
    const hasSource =
      contentPlanId === null || (await findPlanEntries(db, accountId, contentPlanId)) !== null;
    if (!hasSource)
      throw problem('not_found', { detail: 'There is no content plan with this content_plan_id.' });
  }

  /** Changes an autopilot that is locked. */
  function change(
    accountId: string,
    id: string,
    decide: (tx: Tx, autopilot: Autopilot, now: Date) => Promise<Partial<Autopilot>> | Partial<Autopilot>,
  ) {
    return transaction(database, async (tx) => {
      const current = await lockAutopilot(tx, accountId, id);
      if (current === undefined) throw problem('not_found');
      const now = clock.now();
      const changes = { ...(await decide(tx, current, now)), updatedAt: now };
      await updateAutopilot(tx, id, changes);
      return presentAutopilot({ ...current, ...changes });
    });
  }

  serveOperation(app, contract.createAutopilot, async (request, reply) => {
    const owner = ownerOf(callerOf(request));
    const autopilot = createdFrom(request.body, { id: newId(), owner, now: clock.now() });
    await check(database, autopilot);
    if ((await countAutopilots(database, owner.accountId)) >= MAX_AUTOPILOTS) {
      const detail = `An account has at most ${MAX_AUTOPILOTS} autopilots.`;
      throw problem('semantic_error', { detail });
    }
    await insertAutopilot(database, autopilot);
    reply.code(201);
    return presentAutopilot(autopilot);
  });

  serveOperation(app, contract.listAutopilots, async (request) => {
    const { query } = request;
    const found = await listAutopilots(database, callerOf(request).accountId, query);
    return toPage(found, query.limit, presentAutopilot);
  });

  serveOperation(app, contract.getAutopilot, async (request) =>
    presentAutopilot(await get(callerOf(request).accountId, request.params.id)),
  );

  serveOperation(app, contract.updateAutopilot, async (request) => {
    const { accountId } = callerOf(request);
    return change(accountId, request.params.id, async (tx, current, now) => {
      const changes = changesOf(current, request.body, now);
      await check(tx, { ...current, ...changes });
      return changes;
    });
  });

  serveOperation(app, contract.deleteAutopilot, async (request, reply) => {
    const { accountId } = callerOf(request);
    await transaction(database, async (tx) => {
      const found = await lockAutopilot(tx, accountId, request.params.id);
      if (found === undefined) throw problem('not_found');
      if (await hasOpenRun(tx, found.id)) {
        const detail = 'A run is being written. Cancel its content job, or wait for its end.';
        throw problem('conflict', { detail });
      }
      await deleteAutopilot(tx, found.id);
    });
    return reply.code(204).send();
  });

  serveOperation(app, contract.pauseAutopilot, async (request) =>
    change(callerOf(request).accountId, request.params.id, (_tx, { status }) => {
      if (status !== 'active') throw problem('conflict', { detail: `The autopilot is ${status}.` });
      return paused('requested');
    }),
  );

  serveOperation(app, contract.resumeAutopilot, async (request) => {
    const owner = ownerOf(callerOf(request));
    return change(owner.accountId, request.params.id, async (tx, current, now) => {
      if (current.status !== 'paused')
        throw problem('conflict', { detail: `The autopilot is ${current.status}.` });
      await check(tx, current);
      return { ...activated(current, now), ...owner };
    });
  });

  serveOperation(app, contract.listAutopilotRuns, async (request) => {
    const { params, query } = request;
    const { id } = await get(callerOf(request).accountId, params.id);
    return toPage(await listRuns(database, id, query), query.limit, presentRun);
  });

  async function get(accountId: string, id: string): Promise<Autopilot> {
    const found = await findAutopilot(database, accountId, id);
    if (found === undefined) throw problem('not_found');
    return found;
  }
}
