/**
 * The metering hook: nothing reaches a provider but through here.
 *
 * plan's gate → plan of calls → worst case → hold → forward → figures in headers
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { degradedHeader, type PlanContext } from '#libs/contracts/requirements.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import { rateLimitHeaders } from '#libs/service/rate-limit-headers.ts';
import { refusal } from '#libs/service/refusal.ts';
import {
  checkEntitlements,
  type EntitlementCheck,
  type GatedBody,
  type GateRequest,
} from '../entitlements/check-entitlements.ts';
import type { PlanContextFields, PlanContextReader } from '../entitlements/plan-context.ts';
import { conclude, type Idempotency, replay } from '../idempotency/idempotency.ts';
import type { ForwardedAnswer, KeptResult } from '../idempotency/stored-response.ts';
import type { PlanRateLimiter, RateLimitClass } from '../rate-limits/plan-rate-limiter.ts';
import { type Admission, admit, type Planner } from './admit.ts';
import { type GenerationProxy, WorkNotStartedError } from './generation-proxy.ts';
import type { PriceBook } from './price-book.ts';

/** What a route asks the hook to do. */
export type MeteredWork = {
  planner: Planner;
  /** Headers of the answer that only this route has. */
  answerHeaders?: (admission: Admission) => Record<string, string>;
  /** For answers that tell where the account stands. */
  shown?: PlanContextFields;
};

/** A request as it came. */
export type MeteredRequest<B extends GatedBody> = Pick<GateRequest<B>, 'needs' | 'body' | 'isUsable'> & {
  /** What it counts as, where a plan says how often something may be asked. */
  paced: RateLimitClass;
  /** The work that serves it, once its plan does; refusals are thrown. */
  describe: (granted: EntitlementCheck<B>) => MeteredWork;
};

export type MeteringHook = <B extends GatedBody>(
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller,
  asked: MeteredRequest<B>,
) => Promise<void>;

/** What a route needs to have its work metered. */
export type MeteredRouteDependencies = {
  meter: MeteringHook;
  callerOf: (request: FastifyRequest) => Caller;
};

/** Work that was admitted. */
type HeldRequest = { work: MeteredWork; granted: EntitlementCheck; admission: Admission };

export type MeteringHookDependencies = {
  ledger: Pick<Ledger, 'hold' | 'close'>;
  now: () => Date;
  entitlements: Pick<AccountEntitlements, 'get' | 'catalogueOf' | 'suggestPlans'>;
  planContext: PlanContextReader;
  priceBook: PriceBook;
  proxy: GenerationProxy;
  planRateLimiter: PlanRateLimiter;
  idempotency: Idempotency;
  keptResult: (requestId: string, caller: Caller) => Promise<KeptResult>;
  metrics: Metrics;
  holdTtlMs: number;
};

export function createMeteringHook(dependencies: MeteringHookDependencies): MeteringHook {
  const { ledger, now, priceBook, proxy, idempotency, metrics, holdTtlMs } = dependencies;
  const admitDependencies = {
    hold: ledger.hold,
    priceOf: (call: { model: string; provider: string }) =>
      priceBook.priced(`${call.provider}/${call.model}`).price,
    holdTtlMs,
  };

  async function admitted<B extends GatedBody>(
    requestId: string,
    reply: FastifyReply,
    caller: Caller,
    { describe, paced, ...asked }: MeteredRequest<B>,
  ): Promise<HeldRequest> {
    const entitlements = await dependencies.entitlements.get(caller.accountId);
    const { catalogueOf } = dependencies.entitlements;
    const granted = await checkEntitlements({ ...asked, caller, entitlements }, { priceBook, catalogueOf });
    reply.raw.once('close', dependencies.planRateLimiter.acquire(caller, entitlements, paced));
    const work = describe(granted);
    return { work, granted, admission: await hold(requestId, caller, granted, work.planner) };
  }

  async function hold(
    requestId: string,
    caller: Caller,
    { entitlements }: EntitlementCheck,
    planner: Planner,
  ): Promise<Admission> {
    const startedAt = performance.now();
    let admission: Admission;
    try {
      admission = await admit({ requestId, caller, planner }, admitDependencies);
    } catch (error) {
      metrics.recordHold('unavailable', performance.now() - startedAt);
      throw error;
    }
    const { answer } = admission;
    metrics.recordHold(answer.verdict === 'ok' ? 'admitted' : 'refused', performance.now() - startedAt);
    if (answer.verdict === 'ok') return admission;
    throw refusal(answer, {
      now: now(),
      plan: entitlements.plan.key,
      suggestions:
        answer.limit === null
          ? undefined
          : await dependencies.entitlements.suggestPlans(entitlements, answer.limit),
    });
  }

  function answerHeaders({ work, granted, admission }: HeldRequest): Record<string, string> {
    const { entitlements, degraded } = granted;
    return {
      ...rateLimitHeaders(admission.answer.limit, now()),
      'x-inkmeter-plan': entitlements.plan.key,
      ...(degraded.length > 0 && { 'x-inkmeter-degraded': degradedHeader(degraded) }),
      ...work.answerHeaders?.(admission),
    };
  }

  async function forward(
    request: FastifyRequest,
    reply: FastifyReply,
    caller: Caller,
    admittedWork: HeldRequest,
    capture: boolean,
  ): Promise<ForwardedAnswer | undefined> {
    const { work, granted, admission } = admittedWork;
    const { plan, answer } = admission;
    const planContext: PlanContext | undefined =
      work.shown && (await dependencies.planContext(work.shown, granted, caller, plan));
    const { accept } = request.headers;
    try {
      return await proxy.forward({
        head: {
          requestId: request.id,
          caller,
          plan,
          holdExpiresAtMs: answer.expiresAt.getTime(),
          storeResponse: capture,
          ...(planContext && { planContext }),
          ...(accept !== undefined && { accept }),
        },
        // What was degraded is another request than the one that came.
        body: granted.degraded.length > 0 ? Buffer.from(JSON.stringify(granted.body)) : bytesOf(request),
        response: reply.raw,
        beforeAnswer: () => reply.hijack(),
        answerHeaders: {
          ...(reply.getHeaders() as Record<string, string>),
          ...answerHeaders(admittedWork),
        },
      });
    } catch (error) {
      if (!(error instanceof WorkNotStartedError)) throw error;
      // Nobody works under this hold, so it need not wait for the sweeper.
      await ledger.close({ holdId: request.id, accountId: caller.accountId });
      if (reply.raw.destroyed) return undefined;
      throw problem('service_unavailable', { cause: error, headers: { 'retry-after': '1' } });
    }
  }

  /**
   * Without a whole answer from the process that worked, generation is asked: it may have finished, and then the answer is
   * there and paid for. Where nobody can tell, the claim is left, so that no repeat runs what may be in the books already.
   */
  async function recover(request: FastifyRequest, caller: Caller): Promise<KeptResult> {
    return dependencies.keptResult(request.id, caller).catch(() => ({ state: 'running' }));
  }

  return async (request, reply, caller, asked) => {
    const key = request.headers['idempotency-key'];
    if (key === undefined) {
      await forward(request, reply, caller, await admitted(request.id, reply, caller, asked), false);
      reply.hijack();
      return;
    }

    const body = bytesOf(request);
    const begun = await idempotency.begin({
      caller,
      requestId: request.id,
      key: String(key),
      path: request.url,
      body,
    });
    if ('replay' in begun) return replay(reply, begun.replay);

    const { claim } = begun;
    let answer: ForwardedAnswer | undefined;
    let mayBeAtWork = false;
    try {
      const admittedWork = await admitted(request.id, reply, caller, asked);
      try {
        answer = await forward(request, reply, caller, admittedWork, true);
        mayBeAtWork = answer === undefined;
      } catch (error) {
        if (isNotStarted(error)) throw error;
        const kept = await recover(request, caller);
        mayBeAtWork = kept.state === 'running';
        if (kept.state !== 'done') throw error;
        // Generation keeps answers without what only the gateway knows of them.
        const { status, headers, body: keptBody } = kept.answer;
        answer = { status, headers: { ...headers, ...answerHeaders(admittedWork) }, body: keptBody };
        replay(reply, answer);
      }
    } finally {
      if (mayBeAtWork) await claim.leave();
      else await conclude(claim, answer);
    }
    reply.hijack();
  };
}

const NOTHING = Buffer.alloc(0);

const bytesOf = (request: FastifyRequest) => request.rawBody ?? NOTHING;

const isNotStarted = (error: unknown) => error instanceof Error && error.cause instanceof WorkNotStartedError;
