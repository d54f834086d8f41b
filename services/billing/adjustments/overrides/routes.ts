import type { FastifyInstance } from 'fastify';
import type { Actor } from '#libs/audit/entry.ts';
import { actorOf } from '#libs/audit/request-actor.ts';
import { succeed } from '#libs/contracts/envelope.ts';
import { createOverride, endOverride, listOverrides, overrideTerms } from '#libs/contracts/overrides.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { AccountState } from '../../subscriptions/domain/subscription.ts';
import {
  checkOverride,
  isOver,
  type OverrideRecord,
  overrideOf,
  overrideTimes,
  presentOverride,
} from './domain.ts';

export type OverrideRouteOptions = {
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  readAccount: (accountId: string) => Promise<AccountState>;
  accountExists: (accountId: string) => Promise<boolean>;
  list: (accountId: string) => Promise<OverrideRecord[]>;
  find: (accountId: string, id: string) => Promise<OverrideRecord | undefined>;
  /** Puts it in force, on record and in the ledger at once. @throws ProblemError `conflict` where there are too many. */
  grant: (override: OverrideRecord, by: Actor) => Promise<void>;
  /** Ends it; nothing happens where somebody was quicker. */
  end: (override: OverrideRecord, how: { at: Date; by: Actor; reason: string | null }) => Promise<void>;
};

export function overrideRoutes(app: FastifyInstance, options: OverrideRouteOptions): void {
  const { runtime, readAccount, accountExists, list, find, grant, end } = options;
  const { clock, newId } = runtime;

  serveOperation(app, listOverrides, async (request) => {
    const { account_id: accountId } = request.params;
    if (!(await accountExists(accountId))) throw problem('not_found');
    const now = clock.now();
    return succeed({ overrides: (await list(accountId)).map((record) => presentOverride(record, now)) });
  });

  serveOperation(app, createOverride, async (request, reply) => {
    const { account_id: accountId } = request.params;
    const by = actorOf(request);
    const state = await readAccount(accountId);
    const now = clock.now();
    const record: OverrideRecord = {
      id: newId(),
      accountId,
      terms: overrideTerms.parse(request.body),
      reason: request.body.reason,
      author: by.actor,
      ...overrideTimes(request.body, state.subscription, now),
      createdAt: now,
      endedAt: null,
      endedBy: null,
    };
    checkOverride(state, overrideOf(record));
    await grant(record, by);
    reply.code(201);
    return succeed({ override: presentOverride(record, now) });
  });

  serveOperation(app, endOverride, async (request) => {
    const { account_id: accountId, id } = request.params;
    const known = await find(accountId, id);
    if (known === undefined) throw problem('not_found');
    const now = clock.now();
    if (isOver(known, now)) return succeed({ override: presentOverride(known, now) });
    await end(known, { at: now, by: actorOf(request), reason: request.query.reason ?? null });
    const ended = (await find(accountId, id)) ?? known;
    return succeed({ override: presentOverride(ended, now) });
  });
}
