import type { FastifyInstance } from 'fastify';
import { recordAudit } from '#libs/audit/record-audit.ts';
import { actorOf } from '#libs/audit/request-actor.ts';
import * as contract from '#libs/contracts/flags.ts';
import { toKeyPage } from '#libs/contracts/page.ts';
import { type Database, transaction } from '#libs/db/database.ts';
import { notify } from '#libs/db/notify.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { type FlagRow, flagState, presentFlag } from './domain.ts';
import { deleteFlag, findFlag, listFlags, lockFlag, saveFlag } from './store.ts';

export type FlagRouteOptions = {
  database: Database;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
};

export function flagRoutes(app: FastifyInstance, { database, runtime }: FlagRouteOptions): void {
  const { clock, newId } = runtime;

  serveOperation(app, contract.listFlags, async ({ query }) =>
    toKeyPage((await listFlags(database)).map(presentFlag), query, ({ key }) => key),
  );

  serveOperation(app, contract.getFlag, async (request) => {
    const flag = await findFlag(database, request.params.key);
    if (flag === undefined) throw problem('not_found');
    return presentFlag(flag);
  });

  serveOperation(app, contract.putFlag, async (request, reply) => {
    const { reason = null, ...body } = request.body;
    const by = actorOf(request);
    const now = clock.now();
    const flag: FlagRow = { key: request.params.key, ...body, author: by.actor, updatedAt: now };
    const before = await transaction(database, async (tx) => {
      const existing = await lockFlag(tx, flag.key);
      await saveFlag(tx, flag);
      await recordAudit(tx, {
        id: newId(),
        at: now,
        by,
        action: 'flag.set',
        subject: `flag:${flag.key}`,
        accountId: null,
        before: flagState(existing),
        after: flagState(flag),
        reason,
      });
      await notify(tx, { kind: 'flag', id: flag.key });
      return existing;
    });
    reply.code(before === undefined ? 201 : 200);
    return presentFlag(flag);
  });

  serveOperation(app, contract.deleteFlag, async (request, reply) => {
    const { key } = request.params;
    await transaction(database, async (tx) => {
      const existing = await lockFlag(tx, key);
      if (existing === undefined) throw problem('not_found');
      await deleteFlag(tx, key);
      await recordAudit(tx, {
        id: newId(),
        at: clock.now(),
        by: actorOf(request),
        action: 'flag.removed',
        subject: `flag:${key}`,
        accountId: null,
        before: flagState(existing),
        after: null,
        reason: request.query.reason ?? null,
      });
      await notify(tx, { kind: 'flag', id: key });
    });
    return reply.code(204).send();
  });
}
