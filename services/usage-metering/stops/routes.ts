import type { FastifyInstance } from 'fastify';
import { succeed } from '#libs/contracts/envelope.ts';
import {
  type CreateStopBody,
  createStop,
  liftStop,
  listStops,
  type StopWire,
} from '#libs/contracts/stops.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import type { Stop } from '#libs/ledger/types.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';

export type StopRouteOptions = {
  ledger: Pick<Ledger, 'stop' | 'liftStop' | 'stops'>;
  newId: () => string;
  hasModel: (provider: string, model: string) => Promise<boolean>;
};

export function stopRoutes(app: FastifyInstance, { ledger, newId, hasModel }: StopRouteOptions): void {
  /** A stop of a misspelt model would stop nothing, and nobody would notice. */
  async function targetOf(body: CreateStopBody): Promise<string> {
    if (body.kind === 'global') return '';
    if (body.kind !== 'model') return body.target;
    const [provider = '', model = ''] = body.target.split('/');
    if (!(await hasModel(provider, model)))
      throw problem('unknown_model', { fields: { model: body.target } });
    return body.target;
  }

  serveOperation(app, listStops, async () => succeed({ stops: (await ledger.stops()).map(presentStop) }));

  serveOperation(app, createStop, async (request, reply) => {
    const { body } = request;
    const { userId, accountId } = callerOf(request);
    const id = newId();
    const stop = await ledger.stop({
      id,
      kind: body.kind,
      target: await targetOf(body),
      reason: body.reason,
      author: userId ?? accountId,
    });
    request.log.warn({ stop: stop.id, kind: stop.kind, target: stop.target }, 'emergency stop in force');
    reply.code(stop.id === id ? 201 : 200);
    return succeed({ stop: presentStop(stop) });
  });

  serveOperation(app, liftStop, async (request) => {
    const { userId, accountId } = callerOf(request);
    const stop = await ledger.liftStop({ id: request.params.id, author: userId ?? accountId });
    if (stop === undefined) throw problem('not_found');
    request.log.warn({ stop: stop.id, kind: stop.kind, target: stop.target }, 'emergency stop lifted');
    return succeed({ stop: presentStop(stop) });
  });
}

function presentStop(stop: Stop): StopWire {
  return {
    id: stop.id,
    kind: stop.kind,
    target: stop.target,
    reason: stop.reason,
    author: stop.author,
    created_at: stop.createdAt.toISOString(),
    lifted_at: stop.liftedAt?.toISOString() ?? null,
    lifted_by: stop.liftedBy,
  };
}
