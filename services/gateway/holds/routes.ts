import type { FastifyInstance } from 'fastify';
import * as contract from '#libs/contracts/holds.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { limitToWire } from '#libs/contracts/limits.ts';
import { problem } from '#libs/problems/problems.ts';
import { rateLimitHeaders } from '#libs/service/rate-limit-headers.ts';
import { meteringUnavailable } from '#libs/service/refusal.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { checkAll } from './check-operations.ts';
import { costFields, presentHold, presentMeters, readExternalPlan, settlementOf } from './domain.ts';
import { type HoldDependencies, holdAll } from './hold-operations.ts';
import { admitCaller } from './plan-operations.ts';
import { settleOnce } from './settle-operation.ts';
import { type FoundHold, findHold } from './store.ts';

export type HoldRouteOptions = HoldDependencies;

export function holdRoutes(app: FastifyInstance, options: HoldRouteOptions): void {
  const { database, ledger, readLimits, runtime } = options;

  /** A hold that the caller may settle. Members settle their own. @throws ProblemError `not_found` */
  async function findOwn({ accountId, userId, role }: Caller, id: string) {
    const hold = await findHold(database, accountId, id);
    const isVisible = userId === null || role !== 'member' || hold?.userId === userId;
    const calls = hold?.verdict === 'ok' && isVisible ? readExternalPlan(hold.detail) : undefined;
    if (hold === undefined || calls === undefined) throw problem('not_found');
    return { hold: hold satisfies FoundHold, calls };
  }

  serveOperation(app, contract.checkOperations, async ({ caller, body }) => {
    const entitlements = await admitCaller(options, caller);
    const { operations, costNanoUsd, meters } = await checkAll(
      options,
      caller,
      entitlements,
      body.operations,
    );
    const { accountId, userId, keyId, workspaceId } = caller;
    const account = await readLimits({ accountId, userId, keyId, workspaceId }).catch((error: unknown) => {
      throw meteringUnavailable(error);
    });
    return {
      allowed: operations.every(({ allowed }) => allowed),
      ...costFields(costNanoUsd),
      operations,
      remaining: (account?.limits ?? []).filter(({ meter }) => meters.has(meter)).map(limitToWire),
    };
  });

  serveOperation(app, contract.createHold, async ({ caller, body, id }, reply) => {
    const entitlements = await admitCaller(options, caller);
    const { answer, calls } = await holdAll(options, caller, entitlements, {
      id,
      operations: body.operations,
      ttlMs: body.expires_in_seconds * 1_000,
    });
    reply.code(201).headers(rateLimitHeaders(answer.limit, runtime.clock.now()));
    return presentHold(id, answer.expiresAt, calls);
  });

  serveOperation(app, contract.settleHold, async ({ caller, body, params }, reply) => {
    const { hold, calls } = await findOwn(caller, params.id);
    const call = calls.find(({ index }) => index === body.operation);
    if (call === undefined)
      throw problem('semantic_error', {
        detail: `The hold has ${calls.length} operations.`,
        fields: { param: 'operation' },
      });
    const request = settlementOf(hold, call, body);
    const { outcome, answer } = await settleOnce({ database, ledger }, hold, request);
    reply.headers(rateLimitHeaders(answer.limit, runtime.clock.now()));
    return {
      hold_id: hold.id,
      operation: call.index,
      outcome,
      late: answer.late,
      overrun: answer.overrun,
      closed: body.close && outcome === 'settled' && !answer.late,
      ...costFields(request.meters.cost ?? 0n),
      meters: presentMeters(request.meters),
      state: answer.state,
    };
  });

  serveOperation(app, contract.closeHold, async ({ caller, params }) => {
    const { hold } = await findOwn(caller, params.id);
    const { accountId, id: holdId } = hold;
    const { outcome } = await ledger.close({ holdId, accountId }).catch((error: unknown) => {
      throw meteringUnavailable(error);
    });
    return { hold_id: holdId, outcome: outcome === 'closed' ? 'closed' : 'repeated' } as const;
  });
}
