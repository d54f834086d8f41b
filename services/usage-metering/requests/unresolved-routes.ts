import type { FastifyInstance } from 'fastify';
import { actorOf } from '#libs/audit/request-actor.ts';
import { listUnresolvedUsage, reconcileUsage, resolveUsage } from '#libs/contracts/unresolved-usage.ts';
import type { Database } from '#libs/db/database.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { decodeCursor, encodeCursor } from './domain/cursor.ts';
import { correctionOf, isCorrectedTo, parseCallId, presentUnresolved } from './domain/resolution.ts';
import { reconcile } from './reconcile.ts';
import { findCall, listUnresolved, resolveCall } from './unresolved-store.ts';

export type UnresolvedRouteOptions = {
  database: Database;
  ledger: Pick<Ledger, 'correct'>;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
};

export function unresolvedRoutes(app: FastifyInstance, options: UnresolvedRouteOptions): void {
  const { database, ledger, runtime } = options;

  serveOperation(app, listUnresolvedUsage, async (request) => {
    const { cursor, limit, account_id, model, from, to } = request.query;
    const filter = {
      accountId: account_id ?? null,
      model: model ?? null,
      from: from === undefined ? null : new Date(from),
      to: to === undefined ? null : new Date(to),
    };
    const after = cursor === undefined ? null : decodeCursor(cursor);
    const calls = await listUnresolved(database, filter, after, limit + 1);
    const shown = calls.slice(0, limit);
    const last = calls.length > limit ? shown.at(-1) : undefined;
    return { data: shown.map(presentUnresolved), next_cursor: last ? encodeCursor(last.position) : null };
  });

  serveOperation(app, resolveUsage, async (request) => {
    const id = parseCallId(request.params.id);
    const { reason, ...figures } = request.body;
    const found = await findCall(database, id);
    if (found === undefined) throw problem('not_found');
    const correction = correctionOf(found.call, found.detail, figures);
    const by = actorOf(request);
    const outcome = await resolveCall(database, ledger, found.call, {
      request: correction,
      reason,
      by,
      at: runtime.clock.now(),
      newId: runtime.newId,
    });
    const resolved = await findCall(database, id);
    if (resolved === undefined || !isCorrectedTo(resolved.call, correction)) {
      throw problem('conflict', { detail: 'This call has been corrected before, to other figures.' });
    }
    if (outcome === 'corrected') {
      request.log.warn({ hold: id.requestId, call: id.callIndex }, 'call corrected');
    }
    return presentUnresolved(resolved.call);
  });

  serveOperation(app, reconcileUsage, async (request) => {
    const { provider, source, apply } = request.body;
    const result = await reconcile(options, { provider, source, apply, by: actorOf(request) });
    if (result.corrected.length > 0) request.log.warn({ calls: result.corrected.length }, 'calls corrected');
    return {
      days: result.days,
      unknown_models: result.unknownModels,
      corrected: result.corrected,
    };
  });
}
