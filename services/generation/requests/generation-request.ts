import type { Sender } from '#libs/channel/sender.ts';
import type { PlanContext } from '#libs/contracts/requirements.ts';
import type { AnswerHead, CallPlan, WorkHead } from '#libs/contracts/work.ts';
import { problem } from '#libs/problems/problems.ts';
import { createSettlement, type Settlement, type SettlementDependencies } from '../calls/settlement.ts';
import type { StoredResponseSlot, StoredResponses } from '../stored-responses/domain.ts';
import type { ActiveRequest, ActiveRequests } from './active-requests.ts';

export type GenerationRequestDependencies = SettlementDependencies & {
  registry: ActiveRequests;
  storedResponses: StoredResponses;
  /** All work ends this long before its hold expires, so that it can be settled in time. */
  deadlineMarginMs: number;
};

/** A request for provider calls that have been planned, priced and held. */
export type GenerationRequest = {
  readonly requestId: string;
  readonly plan: CallPlan;
  readonly work: ActiveRequest;
  readonly settlement: Settlement;
  /** What an answer of ours tells of the plan. */
  readonly planContext: PlanContext | undefined;
  /** Where the answer is kept for a client that may ask again; null where that is not wanted. */
  readonly slot: StoredResponseSlot | null;
};

/**
 * Runs a task and leaves nothing behind, however it ends: the hold is closed, and an answer that was to be kept is
 * either there or given up.
 *
 * @throws ProblemError `emergency_stop`, `idempotency_in_progress`, or what `run` throws.
 */
export async function runGenerationRequest<Result>(
  dependencies: GenerationRequestDependencies,
  head: WorkHead,
  client: Pick<Sender<AnswerHead>, 'onGone'>,
  run: (task: GenerationRequest) => Promise<Result>,
): Promise<Result> {
  const { caller, requestId, plan, planContext } = head;
  const settlement = createSettlement(dependencies, { holdId: requestId, accountId: caller.accountId });
  let work: ActiveRequest | undefined;
  let slot: StoredResponseSlot | null = null;
  try {
    const begun = beginWork(dependencies, head);
    work = begun;
    if (head.storeResponse) slot = await beginSlot(dependencies.storedResponses, requestId, caller.accountId);
    // nobody pays for what nobody reads
    else client.onGone(() => begun.end('client_gone'));
    return await run({ requestId, plan, planContext, work, settlement, slot });
  } finally {
    if (work) dependencies.registry.finish(work);
    await settlement.close();
    await slot?.release();
  }
}

function beginWork(
  { registry, deadlineMarginMs }: GenerationRequestDependencies,
  { plan, holdExpiresAtMs, caller: { accountId, keyId } }: WorkHead,
): ActiveRequest {
  const targets = plan.calls.flatMap(({ provider, model }) => [provider, `${provider}/${model}`]);
  return registry.begin({ accountId, keyId, targets, deadlineMs: holdExpiresAtMs - deadlineMarginMs });
}

async function beginSlot(
  storedResponses: StoredResponses,
  requestId: string,
  accountId: string,
): Promise<StoredResponseSlot> {
  const slot = await storedResponses.begin(requestId, accountId);
  if (slot === undefined) throw problem('idempotency_in_progress');
  return slot;
}
