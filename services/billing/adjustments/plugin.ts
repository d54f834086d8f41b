/** Wires what staff decide beside the plans: overrides, segments, flags, guard rails. */
import { drizzle } from 'drizzle-orm/node-postgres';
import type { FastifyInstance } from 'fastify';
import type { Pool, PoolClient } from 'pg';
import { recordAudit } from '#libs/audit/record-audit.ts';
import { transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { findLatestRollout } from '../catalogues/rollout-store.ts';
import {
  accountExists,
  applyLimits,
  lockSubscription,
  offeredCatalogue,
  readAccount,
  type SubscriptionDeps,
} from '../subscriptions/plugin.ts';
import { flagRoutes } from './flags/routes.ts';
import { createFlagStore } from './flags/store.ts';
import type { GuardRailTarget } from './guard-rails/domain.ts';
import { guardRailRoutes } from './guard-rails/routes.ts';
import {
  applyGuardRail,
  changeCommonGuardRail,
  type GuardRailChange,
  hasGuardRail,
  listGuardRails,
} from './guard-rails/store.ts';
import { overrideRoutes } from './overrides/routes.ts';
import { countOverrides, createOverrideStore, endOverride, insertOverride } from './overrides/store.ts';
import { segmentRoutes } from './segments/routes.ts';
import { readSegments, replaceSegments } from './segments/store.ts';

/** Changes rows that an account's limits come from, and the limits with them. @throws ProblemError `not_found` */
export type UpdateTerms = (
  accountId: string,
  change: (client: PoolClient, now: Date) => Promise<void>,
) => Promise<void>;

export type StaffDependencies = {
  pool: Pool;
  runtime: Runtime;
  deps: SubscriptionDeps;
};

function createUpdateTerms(deps: SubscriptionDeps): UpdateTerms {
  return (accountId, change) =>
    transaction(deps.database, async (tx) => {
      const subscription = await lockSubscription(tx, deps, accountId);
      const now = deps.runtime.clock.now();
      await change(tx.$client, now);
      await applyLimits(tx, deps, subscription, now);
    });
}

/** Every override in force is worked into every change of the account's limits. */
const MAX_OVERRIDES = 100;

export function addStaffRoutes(app: FastifyInstance, dependencies: StaffDependencies): void {
  addAccountDecisions(app, dependencies);
  addCommonDecisions(app, dependencies);
}

function addAccountDecisions(app: FastifyInstance, dependencies: StaffDependencies): void {
  const { pool, runtime, deps } = dependencies;
  const { newId } = runtime;
  const updateTerms = createUpdateTerms(deps);
  const exists = (accountId: string) => accountExists(deps.database, accountId);
  overrideRoutes(app, {
    runtime,
    readAccount: (accountId) => readAccount(deps, accountId),
    accountExists: exists,
    ...createOverrideStore(pool),
    grant: (override, by) =>
      updateTerms(override.accountId, async (client, now) => {
        if ((await countOverrides(client, override.accountId, now)) >= MAX_OVERRIDES) {
          throw problem('conflict', {
            detail: `The account has ${MAX_OVERRIDES} overrides already; end some first.`,
          });
        }
        await insertOverride(client, override);
        await recordAudit(drizzle(client), {
          id: newId(),
          at: now,
          by,
          action: 'override.created',
          subject: `override:${override.id}`,
          accountId: override.accountId,
          before: null,
          after: { ...override.terms, from: override.from, expires_at: override.until },
          reason: override.reason,
        });
      }),
    end: ({ id, accountId, terms }, { at, by, reason }) =>
      updateTerms(accountId, async (client) => {
        if ((await endOverride(client, { id, accountId, at, by: by.actor })) === undefined) return;
        await recordAudit(drizzle(client), {
          id: newId(),
          at,
          by,
          action: 'override.ended',
          subject: `override:${id}`,
          accountId,
          before: terms,
          after: null,
          reason,
        });
      }),
  });
  segmentRoutes(app, {
    accountExists: exists,
    read: (accountId) => readSegments(pool, accountId),
    replace: (accountId, segments, { by, reason }) =>
      updateTerms(accountId, async (client, now) => {
        const before = await replaceSegments(client, accountId, segments);
        await recordAudit(drizzle(client), {
          id: newId(),
          at: now,
          by,
          action: 'segments.set',
          subject: `account:${accountId}`,
          accountId,
          before: { segments: before },
          after: { segments },
          reason,
        });
      }),
  });
}

function addCommonDecisions(app: FastifyInstance, dependencies: StaffDependencies): void {
  const { pool, runtime, deps } = dependencies;
  const updateTerms = createUpdateTerms(deps);
  flagRoutes(app, { runtime, ...createFlagStore(pool) });

  const change = async (target: GuardRailTarget, how: GuardRailChange) => {
    if (target.kind !== 'account') return changeCommonGuardRail(pool, how, runtime.newId());
    await updateTerms(target.accountId, (client) => applyGuardRail(client, how));
    return null;
  };
  guardRailRoutes(app, {
    runtime,
    offered: () => offeredCatalogue(deps),
    list: () => listGuardRails(pool),
    exists: (target) => hasGuardRail(pool, target),
    latestRollout: () => findLatestRollout(deps.database, 'guard_rail'),
    put: (setting, audit) => change(setting.target, { set: setting, audit }),
    withdraw: (target, audit) => change(target, { withdraw: target, audit }),
  });
}
