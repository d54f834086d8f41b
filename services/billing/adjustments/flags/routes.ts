import type { FastifyInstance } from 'fastify';
import type { AuditEntry } from '#libs/audit/entry.ts';
import { actorOf } from '#libs/audit/request-actor.ts';
import { succeed } from '#libs/contracts/envelope.ts';
import { deleteFlag, getFlag, listFlags, putFlag } from '#libs/contracts/flags.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { type FlagRecord, presentFlag } from './domain.ts';

type Audit = Pick<AuditEntry, 'id' | 'at' | 'by' | 'reason'>;

export type FlagRouteOptions = {
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  list: () => Promise<FlagRecord[]>;
  find: (key: string) => Promise<FlagRecord | undefined>;
  put: (flag: FlagRecord, audit: Audit) => Promise<'created' | 'replaced'>;
  remove: (key: string, audit: Audit) => Promise<boolean>;
};

export function flagRoutes(app: FastifyInstance, options: FlagRouteOptions): void {
  const { list, find, put, remove } = options;
  const { clock, newId } = options.runtime;

  serveOperation(app, listFlags, async () => succeed({ flags: (await list()).map(presentFlag) }));

  serveOperation(app, getFlag, async (request) => {
    const flag = await find(request.params.key);
    if (flag === undefined) throw problem('not_found');
    return succeed({ flag: presentFlag(flag) });
  });

  serveOperation(app, putFlag, async (request, reply) => {
    const { reason = null, ...body } = request.body;
    const by = actorOf(request);
    const now = clock.now();
    const flag: FlagRecord = { key: request.params.key, ...body, author: by.actor, updatedAt: now };
    const outcome = await put(flag, { id: newId(), at: now, by, reason });
    reply.code(outcome === 'created' ? 201 : 200);
    return succeed({ flag: presentFlag(flag) });
  });

  serveOperation(app, deleteFlag, async (request, reply) => {
    const audit = {
      id: newId(),
      at: clock.now(),
      by: actorOf(request),
      reason: request.query.reason ?? null,
    };
    if (!(await remove(request.params.key, audit))) throw problem('not_found');
    return reply.code(204).send();
  });
}
