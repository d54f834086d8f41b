import type { CallPlan, GenerationRequestHead } from '#libs/contracts/generation-requests.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { PlanContext } from '#libs/contracts/requirements.ts';
import { problem } from '#libs/problems/problems.ts';
import { createSettlement, type Settlement, type SettlementOptions } from '../../calls/domain/settlement.ts';
import type { StoredResponseSlot, StoredResponses } from '../../stored-responses/domain.ts';
import type { ActiveRequest, ActiveRequests, BegunRequest } from './active-requests.ts';

export type GenerationRequestOptions = SettlementOptions & {
  activeRequests: ActiveRequests;
  storedResponses: StoredResponses;
  /** A request ends this long before its hold expires, so that it can be settled in time. */
  deadlineMarginMs: number;
};

/** The head of a request, with what came in other headers. */
export type ReceivedHead = GenerationRequestHead & Pick<BegunRequest, 'traceparent'>;

/** A request whose provider calls have been planned, priced and held. */
export type GenerationRequest = {
  readonly requestId: string;
  readonly caller: Caller;
  readonly plan: CallPlan;
  readonly active: ActiveRequest;
  readonly settlement: Settlement;
  /** Fields about the plan that our own responses include. */
  readonly planContext: PlanContext | undefined;
  /** Where to store the response for a repeated request; null if it is not to be stored. */
  readonly slot: StoredResponseSlot | null;
};

/**
 * Runs a request. However it ends, its hold is closed, and its stored response is complete or abandoned.
 *
 * @throws ProblemError `emergency_stop`, `idempotency_in_progress`, or what `run` throws.
 */
export async function runGenerationRequest<Result>(
  options: GenerationRequestOptions,
  head: ReceivedHead,
  client: { readonly onGone: (listener: () => void) => void },
  run: (request: GenerationRequest) => Promise<Result>,
): Promise<Result> {
  const { activeRequests, storedResponses } = options;
  const { caller, requestId, plan, planContext, storeResponse } = head;
  const expiresAtMs = holdEndsAtMs(head);
  const settlement = createSettlement(options, {
    holdId: requestId,
    accountId: caller.accountId,
    expiresAtMs,
  });
  let active: ActiveRequest | undefined;
  let slot: StoredResponseSlot | null = null;
  try {
    const begun = activeRequests.begin({
      ...scopeOf(head, expiresAtMs - options.deadlineMarginMs),
      traceparent: head.traceparent,
    });
    active = begun;
    if (storeResponse) slot = await openSlot(storedResponses, requestId, caller.accountId);
    // without a stored response, output that the client does not read would be paid for in vain
    else client.onGone(begun.abandon);
    return await run({ requestId, caller, plan, planContext, active, settlement, slot });
  } finally {
    if (active) activeRequests.finish(active);
    await settlement.close();
    await slot?.release();
  }
}

function scopeOf(head: GenerationRequestHead, deadlineMs: number) {
  const {
    plan,
    caller: { accountId, keyId },
  } = head;
  const targets = plan.calls.flatMap(({ provider, model }) => [provider, `${provider}/${model}`]);
  return { accountId, keyId, targets, deadlineMs };
}

/**
 * When the hold expires, on the clock of `performance.now()`. The gateway sends how long it has left, so that clocks that
 * differ do not matter. A gateway of the previous version sends only the time.
 */
function holdEndsAtMs({ holdMsLeft, holdExpiresAtMs }: GenerationRequestHead): number {
  return performance.now() + (holdMsLeft ?? holdExpiresAtMs - Date.now());
}

async function openSlot(
  storedResponses: StoredResponses,
  requestId: string,
  accountId: string,
): Promise<StoredResponseSlot> {
  const slot = await storedResponses.begin(requestId, accountId);
  if (slot === undefined) throw problem('idempotency_in_progress');
  return slot;
}
