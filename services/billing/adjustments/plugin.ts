/** Wires what staff decide beside the plans: overrides, segments, flags, emergency limits, catalogues, the record. */
import { drizzle } from 'drizzle-orm/node-postgres';
import type { FastifyInstance } from 'fastify';
import type { Pool, PoolClient } from 'pg';
import { recordAudit } from '#libs/audit/record-audit.ts';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import { readUsed } from '#libs/ledger/read-used.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { PeriodicJob } from '#libs/service/periodic-job.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { addCatalogue } from '../catalogues/import-catalogue.ts';
import { createRolloutJob } from '../catalogues/jobs.ts';
import { previewPublication } from '../catalogues/preview.ts';
import { readStates } from '../catalogues/preview-store.ts';
import { publishCatalogue } from '../catalogues/publish-catalogue.ts';
import { createRolloutRunner } from '../catalogues/rollout-runner.ts';
import { createRolloutStore } from '../catalogues/rollout-store.ts';
import { catalogueRoutes } from '../catalogues/routes.ts';
import type { CatalogueStore } from '../catalogues/store.ts';
import type { Accounts } from '../subscriptions/accounts.ts';
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
  accounts: Accounts;
  accountExists: (accountId: string) => Promise<boolean>;
  catalogues: CatalogueStore;
  updateTerms: UpdateTerms;
};

/** Every override in force is worked into every change of the account's limits. */
const MAX_OVERRIDES = 100;

export function addStaffRoutes(app: FastifyInstance, dependencies: StaffDependencies): void {
  addAccountDecisions(app, dependencies);
  addCommonDecisions(app, dependencies);
  addCatalogues(app, dependencies);
}

function addAccountDecisions(app: FastifyInstance, dependencies: StaffDependencies): void {
  const { pool, runtime, accounts, accountExists, updateTerms } = dependencies;
  const { newId } = runtime;
  overrideRoutes(app, {
    runtime,
    accounts,
    accountExists,
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
    accountExists,
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
  const { pool, runtime, accounts, updateTerms } = dependencies;
  flagRoutes(app, { runtime, ...createFlagStore(pool) });

  const change = async (target: GuardRailTarget, how: GuardRailChange) => {
    if (target.kind !== 'account') return changeCommonGuardRail(pool, how, runtime.newId());
    await updateTerms(target.accountId, (client) => applyGuardRail(client, how));
    return null;
  };
  guardRailRoutes(app, {
    runtime,
    accounts,
    list: () => listGuardRails(pool),
    exists: (target) => hasGuardRail(pool, target),
    latestRollout: () => createRolloutStore(pool).latest('guard_rail'),
    put: (setting, audit) => change(setting.target, { set: setting, audit }),
    withdraw: (target, audit) => change(target, { withdraw: target, audit }),
  });
}

function addCatalogues(app: FastifyInstance, { pool, runtime, catalogues }: StaffDependencies): void {
  const { clock, newId } = runtime;
  catalogueRoutes(app, {
    ...catalogues,
    findRollout: createRolloutStore(pool).find,
    async add(source, by) {
      const knownModels = await catalogues.knownModels();
      // Without a price list nothing can be said about models.
      const catalogue = parseCatalogue(source, knownModels.length === 0 ? {} : { knownModels });
      refuseOwnPrices(catalogue);
      const now = clock.now();
      const options = { catalogue, text: source, author: by.actor, now, newId };
      return addCatalogue(pool, options, (client, { id, version }) =>
        recordAudit(drizzle(client), {
          id: newId(),
          at: now,
          by,
          action: 'catalogue.imported',
          subject: `catalogue:${id}`,
          accountId: null,
          before: null,
          after: { catalogue_id: catalogue.id, version },
          reason: null,
        }),
      );
    },
    publish: (publication) => publishCatalogue(pool, runtime, publication),
    preview: (target, migration, page) => {
      const now = clock.now();
      return previewPublication(
        { target, migration, page, now },
        {
          nextStates: (version, after, limit) =>
            readStates(pool, catalogues.version, { target: version, after, limit, now }),
          readUsed: (queries) => readUsed(pool, now, queries),
        },
      );
    },
  });
}

/** Prices have an owner, and a history that an import could only contradict. */
function refuseOwnPrices({ prices }: Catalogue): void {
  if (prices.length === 0) return;
  throw problem('semantic_error', {
    detail: 'The catalogue brings prices. Record them with POST /api/admin/prices, and leave them out here.',
    fields: { param: 'prices' },
  });
}

/** What has to go on after staff have decided. */
export function buildStaffJobs(options: { pool: Pool; runtime: Runtime; logger: Logger }): PeriodicJob[] {
  const { logger } = options;
  const run = createRolloutRunner({
    ...options,
    onFailure: ({ id }, accountId, error) =>
      logger.error({ err: error, rollout: id, account: accountId }, 'an account was not brought in line'),
  });
  return [createRolloutJob({ run, logger })];
}
