import type { FastifyInstance } from 'fastify';
import { actorOf } from '#libs/audit/request-actor.ts';
import { toKeyPage } from '#libs/contracts/page.ts';
import {
  createStop,
  liftStop as liftStopOperation,
  listStops,
  type StopWire,
} from '#libs/contracts/stops.ts';
import { type Database, only } from '#libs/db/database.ts';
import type { Stop } from '#libs/ledger/types.ts';
import { problem } from '#libs/problems/problems.ts';
import type { StopNotice } from '#libs/service/refusal.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { isKnownModel, liftStop, putStop, readStopNotices, type StopLedger } from './store.ts';

export type StopRouteOptions = {
  database: Database;
  ledger: StopLedger;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
};

export function stopRoutes(app: FastifyInstance, { database, ledger, runtime }: StopRouteOptions): void {
  const { clock, newId } = runtime;

  const present = async (stops: readonly Stop[]): Promise<StopWire[]> => {
    const notices = await readStopNotices(database, stops);
    return stops.map((stop) => presentStop(stop, notices.get(stop.id)));
  };
  const presentOne = async (stop: Stop) => only(await present([stop]));

  serveOperation(app, listStops, async ({ query }) => {
    const keyOf = ({ createdAt, id }: Stop) => `${createdAt.toISOString()} ${id}`;
    const { data, next_cursor } = toKeyPage(await ledger.stops(), query, keyOf);
    return { data: await present(data), next_cursor };
  });

  serveOperation(app, createStop, async (request, reply) => {
    const { body } = request;
    const target = body.kind === 'global' ? '' : body.target;
    // A stop of a misspelt model would stop nothing, unnoticed.
    if (body.kind === 'model' && !(await isKnownModel(database, target)))
      throw problem('unknown_model', { fields: { model: target } });
    const expectedUntil = body.expected_until === null ? null : new Date(body.expected_until);
    if (expectedUntil !== null && expectedUntil <= clock.now())
      throw problem('semantic_error', {
        detail: 'expected_until must be in the future.',
        fields: { param: 'expected_until' },
      });
    const id = newId();
    const notice = { publicReason: body.public_reason, expectedUntil };
    const stop = await putStop(
      database,
      ledger,
      { id, kind: body.kind, target, reason: body.reason, notice },
      { by: actorOf(request), at: clock.now(), auditId: newId() },
    );
    request.log.warn({ stop: stop.id, kind: stop.kind, target: stop.target }, 'stop applied');
    reply.code(stop.id === id ? 201 : 200);
    return await presentOne(stop);
  });

  serveOperation(app, liftStopOperation, async (request) => {
    const change = { by: actorOf(request), at: clock.now(), auditId: newId() };
    const stop = await liftStop(database, ledger, request.params.id, change);
    if (stop === undefined) throw problem('not_found');
    request.log.warn({ stop: stop.id, kind: stop.kind, target: stop.target }, 'stop lifted');
    return await presentOne(stop);
  });
}

function presentStop(stop: Stop, notice: StopNotice | undefined): StopWire {
  return {
    id: stop.id,
    kind: stop.kind,
    target: stop.target,
    reason: stop.reason,
    public_reason: notice?.publicReason ?? null,
    expected_until: notice?.expectedUntil?.toISOString() ?? null,
    author: stop.author,
    created_at: stop.createdAt.toISOString(),
    updated_at: (stop.liftedAt ?? stop.createdAt).toISOString(),
    lifted_at: stop.liftedAt?.toISOString() ?? null,
    lifted_by: stop.liftedBy,
  };
}
