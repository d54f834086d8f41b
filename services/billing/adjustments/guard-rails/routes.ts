import type { FastifyInstance } from 'fastify';
import type { AuditEntry } from '#libs/audit/entry.ts';
import { actorOf } from '#libs/audit/request-actor.ts';
import { succeed } from '#libs/contracts/envelope.ts';
import { deleteGuardRail, listGuardRails, putGuardRail } from '#libs/contracts/guard-rails.ts';
import { formatUsd } from '#libs/money/money.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { presentRollout, type Rollout } from '../../catalogues/domain/rollout.ts';
import type { CatalogueVersion } from '../../subscriptions/domain/subscription.ts';
import {
  checkGuardRail,
  type GuardRailRecord,
  type GuardRailTarget,
  presentGuardRail,
  targetFromQuery,
  targetFromWire,
} from './domain.ts';

type Audit = Pick<AuditEntry, 'id' | 'at' | 'by' | 'reason'>;

export type GuardRailRouteOptions = {
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  offered: () => Promise<CatalogueVersion>;
  list: () => Promise<GuardRailRecord[]>;
  exists: (target: GuardRailTarget) => Promise<boolean>;
  latestRollout: () => Promise<Rollout | undefined>;
  /** @returns how far it has got; null where it holds already. @throws ProblemError `not_found` for an unknown account. */
  put: (setting: GuardRailRecord, audit: Audit) => Promise<Rollout | null>;
  withdraw: (target: GuardRailTarget, audit: Audit) => Promise<Rollout | null>;
};

export function guardRailRoutes(app: FastifyInstance, options: GuardRailRouteOptions): void {
  const { list, exists, latestRollout, put, withdraw } = options;
  const { clock, newId } = options.runtime;

  serveOperation(app, listGuardRails, async () => {
    const [offered, settings, rollout] = await Promise.all([options.offered(), list(), latestRollout()]);
    return succeed({
      catalogue: presentDefault(offered),
      guard_rails: settings.map(presentGuardRail),
      rollout: rollout === undefined ? null : presentRollout(rollout),
    });
  });

  serveOperation(app, putGuardRail, async (request) => {
    const { target, enabled, reason, ...figures } = request.body;
    const by = actorOf(request);
    const now = clock.now();
    const setting: GuardRailRecord = {
      target: targetFromWire(target),
      enabled,
      figures,
      reason,
      author: by.actor,
      updatedAt: now,
    };
    checkGuardRail(setting, (await options.offered()).catalogue);
    const rollout = await put(setting, { id: newId(), at: now, by, reason });
    request.log.warn({ target: setting.target, enabled }, 'emergency limit set');
    return succeed({ guard_rail: presentGuardRail(setting), rollout: rollout && presentRollout(rollout) });
  });

  serveOperation(app, deleteGuardRail, async (request) => {
    const target = targetFromQuery(request.query);
    if (!(await exists(target))) throw problem('not_found');
    const audit = {
      id: newId(),
      at: clock.now(),
      by: actorOf(request),
      reason: request.query.reason ?? null,
    };
    const rollout = await withdraw(target, audit);
    request.log.warn({ target }, 'emergency limit withdrawn');
    return succeed({ rollout: rollout && presentRollout(rollout) });
  });
}

function presentDefault({ catalogue: { guardRail } }: CatalogueVersion) {
  if (guardRail === null) return null;
  const { tokensPerDay, costPerDayNanoUsd, plans, segments } = guardRail;
  return {
    tokens_per_day: tokensPerDay?.toString() ?? null,
    cost_per_day_usd: costPerDayNanoUsd === null ? null : formatUsd(costPerDayNanoUsd),
    plans,
    segments,
  };
}
