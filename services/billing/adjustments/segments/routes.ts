import type { FastifyInstance } from 'fastify';
import { recordAudit } from '#libs/audit/record-audit.ts';
import { actorOf } from '#libs/audit/request-actor.ts';
import { getSegments, putSegments } from '#libs/contracts/segments.ts';
import { transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import {
  accountExists,
  applyLimits,
  lockSubscription,
  type SubscriptionDeps,
} from '../../subscriptions/plugin.ts';
import { listSegments, replaceSegments } from './store.ts';

export function segmentRoutes(app: FastifyInstance, deps: SubscriptionDeps): void {
  const { database, runtime } = deps;
  const { clock, newId } = runtime;
  const respond = async (accountId: string) => ({
    account_id: accountId,
    segments: await listSegments(database, accountId),
  });

  serveOperation(app, getSegments, async (request) => {
    const { account_id: accountId } = request.params;
    if (!(await accountExists(database, accountId))) throw problem('not_found');
    return respond(accountId);
  });

  serveOperation(app, putSegments, async (request) => {
    const { account_id: accountId } = request.params;
    const { segments, reason = null } = request.body;
    await transaction(database, async (tx) => {
      const subscription = await lockSubscription(tx, deps, accountId);
      const now = clock.now();
      const before = await listSegments(tx, accountId);
      await replaceSegments(tx, accountId, segments);
      await recordAudit(tx, {
        id: newId(),
        at: now,
        by: actorOf(request),
        action: 'segments.set',
        subject: `account:${accountId}`,
        accountId,
        before: { segments: before },
        after: { segments },
        reason,
      });
      await applyLimits(tx, deps, subscription, now);
    });
    return respond(accountId);
  });
}
