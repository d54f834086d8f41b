import type { FastifyInstance } from 'fastify';
import { actorOf } from '#libs/audit/request-actor.ts';
import * as contract from '#libs/contracts/guard-rails.ts';
import { toKeyPage } from '#libs/contracts/page.ts';
import { problem } from '#libs/problems/problems.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { presentRollout } from '../../catalogues/domain/rollout.ts';
import { findLatestRollout } from '../../catalogues/plugin.ts';
import { offeredCatalogue, type SubscriptionDeps } from '../../subscriptions/plugin.ts';
import { changeGuardRail } from './change-guard-rail.ts';
import {
  checkGuardRail,
  type GuardRailRow,
  orderOf,
  presentCatalogueGuardRail,
  presentGuardRail,
  targetFromQuery,
  targetFromWire,
  targetId,
} from './domain.ts';
import { findGuardRail, listGuardRails } from './store.ts';

export function guardRailRoutes(app: FastifyInstance, deps: SubscriptionDeps): void {
  const { database, runtime } = deps;
  const { clock } = runtime;

  serveOperation(app, contract.listGuardRails, async ({ query }) => {
    const [{ catalogue }, settings, rollout] = await Promise.all([
      offeredCatalogue(deps),
      listGuardRails(database),
      findLatestRollout(database, 'guard_rail'),
    ]);
    const { data, next_cursor } = toKeyPage(settings, query, orderOf);
    return {
      data: data.map(presentGuardRail),
      next_cursor,
      catalogue: presentCatalogueGuardRail(catalogue),
      rollout: rollout === undefined ? null : presentRollout(rollout),
    };
  });

  serveOperation(app, contract.putGuardRail, async (request) => {
    const { enabled, reason, target: wireTarget, ...figures } = request.body;
    const target = targetFromWire(wireTarget);
    const by = actorOf(request);
    const now = clock.now();
    const setting: GuardRailRow = {
      targetKind: target.kind,
      target: targetId(target),
      enabled,
      figures,
      reason,
      author: by.actor,
      updatedAt: now,
    };
    checkGuardRail(setting, (await offeredCatalogue(deps)).catalogue);
    const rollout = await changeGuardRail(deps, { target, setting, at: now, by, reason });
    request.log.warn({ target, enabled }, 'guard rail set');
    return { ...presentGuardRail(setting), rollout: rollout && presentRollout(rollout) };
  });

  serveOperation(app, contract.deleteGuardRail, async (request) => {
    const target = targetFromQuery(request.query);
    if ((await findGuardRail(database, target)) === undefined) throw problem('not_found');
    const rollout = await changeGuardRail(deps, {
      target,
      setting: undefined,
      at: clock.now(),
      by: actorOf(request),
      reason: request.query.reason ?? null,
    });
    request.log.warn({ target }, 'guard rail withdrawn');
    return { rollout: rollout && presentRollout(rollout) };
  });
}
