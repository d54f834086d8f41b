import type { FastifyInstance } from 'fastify';
import type { Actor } from '#libs/audit/entry.ts';
import { actorOf } from '#libs/audit/request-actor.ts';
import { succeed } from '#libs/contracts/envelope.ts';
import { getSegments, putSegments } from '#libs/contracts/segments.ts';
import { problem } from '#libs/problems/problems.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';

export type SegmentRouteOptions = {
  accountExists: (accountId: string) => Promise<boolean>;
  read: (accountId: string) => Promise<string[]>;
  /** Sets them and the limits that follow from them at once. @throws ProblemError `not_found` */
  replace: (
    accountId: string,
    segments: readonly string[],
    how: { by: Actor; reason: string | null },
  ) => Promise<void>;
};

export function segmentRoutes(app: FastifyInstance, options: SegmentRouteOptions): void {
  const { accountExists, read, replace } = options;
  const answer = async (accountId: string) =>
    succeed({ account_id: accountId, segments: await read(accountId) });

  serveOperation(app, getSegments, async (request) => {
    const { account_id: accountId } = request.params;
    if (!(await accountExists(accountId))) throw problem('not_found');
    return answer(accountId);
  });

  serveOperation(app, putSegments, async (request) => {
    const { account_id: accountId } = request.params;
    const { segments, reason = null } = request.body;
    await replace(accountId, segments, { by: actorOf(request), reason });
    return answer(accountId);
  });
}
