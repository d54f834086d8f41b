import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ContextSigner } from '#libs/auth/internal-context.ts';
import type { PlanContext } from '#libs/contracts/gating.ts';
import {
  type CallPlan,
  INTERNAL_CONTEXT_HEADER,
  type InternalContext,
} from '#libs/contracts/internal-context.ts';
import { problem } from '#libs/problems/problems.ts';
import { internalContextOf } from '#libs/service/internal-calls.ts';
import type { KeptAnswerSlot, KeptAnswers } from '../domain/kept-answers.ts';
import type { RunningRegistry, RunningWork } from '../domain/running.ts';
import { createSettlement, type Settlement, type SettlementDependencies } from '../domain/settlement.ts';

export type TaskDependencies = SettlementDependencies & {
  registry: RunningRegistry;
  keptAnswers: KeptAnswers;
  /** All work ends this long before its hold expires, so that it can be settled in time. */
  deadlineMarginMs: number;
};

/** A request for provider calls that have been planned, priced and held. */
export type Task = {
  readonly requestId: string;
  readonly plan: CallPlan;
  readonly work: RunningWork;
  readonly settlement: Settlement;
  /** What an answer of ours tells of the plan. */
  readonly planContext: PlanContext | undefined;
  /** Where the answer is kept for a client that may ask again; null where that is not wanted. */
  readonly slot: KeptAnswerSlot | null;
};

declare module 'fastify' {
  interface FastifyRequest {
    /** Its task takes care of its hold. */
    hasTask: boolean;
  }
}

/**
 * Closes the hold of a request that fails before its task begins: refused by the framework because it is too large,
 * is not JSON, does not match its schema or comes while the service is overloaded. Add it before any route.
 */
export function closeUntouchedHolds(
  app: FastifyInstance,
  {
    ledger,
    signer,
    logger,
  }: Pick<TaskDependencies, 'ledger' | 'logger'> & {
    signer: Pick<ContextSigner, 'verify'>;
  },
): void {
  app.decorateRequest('hasTask', false);
  app.addHook('onError', async (request) => {
    const header = request.headers[INTERNAL_CONTEXT_HEADER];
    if (request.hasTask || typeof header !== 'string') return;
    const verdict = signer.verify<InternalContext>(header);
    if (!verdict.ok || verdict.payload.work === undefined) return;
    const { requestId, caller } = verdict.payload;
    // nobody has to wait for it
    ledger.close({ holdId: requestId, accountId: caller.accountId }).catch((error: unknown) => {
      logger.warn({ err: error, hold: requestId }, 'a hold could not be closed and is left to the sweeper');
    });
  });
}

type PlannedWork = NonNullable<InternalContext['work']>;

/**
 * Runs a task and leaves nothing behind, however it ends: the hold is closed, and an answer that was to be kept is
 * either there or given up.
 *
 * @throws ProblemError `emergency_stop`, `idempotency_in_progress`, or what `run` throws.
 */
export async function withTask<Result>(
  dependencies: TaskDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
  run: (task: Task) => Promise<Result>,
): Promise<Result> {
  const { caller, requestId, work: planned } = internalContextOf(request);
  if (planned === undefined) throw problem('invalid_request', { detail: 'The context carries no work.' });
  const settlement = createSettlement(dependencies, { holdId: requestId, accountId: caller.accountId });
  request.hasTask = true;
  let work: RunningWork | undefined;
  let slot: KeptAnswerSlot | null = null;
  try {
    work = beginWork(dependencies, planned, caller);
    if (planned.keepAnswer) slot = await beginSlot(dependencies.keptAnswers, requestId, caller.accountId);
    else endWithClient(work, reply);
    const { plan, planContext } = planned;
    return await run({ requestId, plan, planContext, work, settlement, slot });
  } finally {
    if (work) dependencies.registry.finish(work);
    await settlement.close();
    await slot?.release();
  }
}

function beginWork(
  { registry, deadlineMarginMs }: TaskDependencies,
  { plan, holdExpiresAtMs }: PlannedWork,
  { accountId, keyId }: InternalContext['caller'],
): RunningWork {
  const targets = plan.calls.flatMap(({ provider, model }) => [provider, `${provider}/${model}`]);
  return registry.begin({ accountId, keyId, targets, deadlineMs: holdExpiresAtMs - deadlineMarginMs });
}

async function beginSlot(
  keptAnswers: KeptAnswers,
  requestId: string,
  accountId: string,
): Promise<KeptAnswerSlot> {
  const slot = await keptAnswers.begin(requestId, accountId);
  if (slot === undefined) throw problem('idempotency_in_progress');
  return slot;
}

/** Nobody pays for what nobody reads. */
function endWithClient(work: RunningWork, { raw }: FastifyReply): void {
  if (raw.closed) {
    work.end('client_gone');
    return;
  }
  raw.once('close', () => {
    if (!raw.writableFinished) work.end('client_gone');
  });
}
