import type { FastifyInstance } from 'fastify';
import { recordAudit } from '#libs/audit/record-audit.ts';
import { actorOf } from '#libs/audit/request-actor.ts';
import * as contract from '#libs/contracts/overrides.ts';
import { toPage } from '#libs/contracts/page.ts';
import { transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import {
  accountExists,
  applyLimits,
  lockSubscription,
  readAccount,
  type SubscriptionDeps,
} from '../../subscriptions/plugin.ts';
import { createOverride, isOver, MAX_OVERRIDES, presentOverride } from './domain.ts';
import { countOverrides, endOverride, findOverride, insertOverride, listOverrides } from './store.ts';

export function overrideRoutes(app: FastifyInstance, deps: SubscriptionDeps): void {
  const { database, runtime } = deps;
  const { clock, newId } = runtime;

  serveOperation(app, contract.listOverrides, async (request) => {
    const { account_id: accountId } = request.params;
    if (!(await accountExists(database, accountId))) throw problem('not_found');
    const now = clock.now();
    const overrides = await listOverrides(database, accountId, request.query);
    return toPage(overrides, request.query.limit, (override) => presentOverride(override, now));
  });

  serveOperation(app, contract.createOverride, async (request, reply) => {
    const { account_id: accountId } = request.params;
    const by = actorOf(request);
    const state = await readAccount(deps, accountId);
    const now = clock.now();
    const override = createOverride(request.body, state, { id: newId(), author: by.actor, now });
    await transaction(database, async (tx) => {
      const subscription = await lockSubscription(tx, deps, accountId);
      if ((await countOverrides(tx, accountId, now)) >= MAX_OVERRIDES) {
        throw problem('conflict', {
          detail: `The account already has ${MAX_OVERRIDES} overrides. End some of them first.`,
        });
      }
      await insertOverride(tx, override);
      await recordAudit(tx, {
        id: newId(),
        at: now,
        by,
        action: 'override.created',
        subject: `override:${override.id}`,
        accountId,
        before: null,
        after: { ...override.terms, from: override.validFrom, expires_at: override.validUntil },
        reason: override.reason,
      });
      await applyLimits(tx, deps, subscription, clock.now());
    });
    reply.code(201);
    return presentOverride(override, now);
  });

  serveOperation(app, contract.endOverride, async (request) => {
    const { account_id: accountId, id } = request.params;
    const by = actorOf(request);
    const override = await findOverride(database, accountId, id);
    if (override === undefined) throw problem('not_found');
    const now = clock.now();
    if (isOver(override, now)) return presentOverride(override, now);
    await transaction(database, async (tx) => {
      const subscription = await lockSubscription(tx, deps, accountId);
      if (!(await endOverride(tx, override, { at: now, by: by.actor }))) return;
      await recordAudit(tx, {
        id: newId(),
        at: now,
        by,
        action: 'override.ended',
        subject: `override:${id}`,
        accountId,
        before: override.terms,
        after: null,
        reason: request.query.reason ?? null,
      });
      await applyLimits(tx, deps, subscription, clock.now());
    });
    const ended = (await findOverride(database, accountId, id)) ?? override;
    return presentOverride(ended, now);
  });
}
