/**
 * The decision of the metering hook: a plan of provider calls is priced at its worst case and held, or the request is
 * refused. The first attempt uses a bound that costs nothing to compute; only when that does not fit is the prompt
 * counted, and only if the client allows it is the output cap lowered until it fits.
 */
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { CallPlan } from '#libs/contracts/work.ts';
import type { HoldAnswer, HoldRequest, LimitView } from '#libs/ledger/types.ts';
import { boundOf, type MeterAmounts, worstCaseMeters } from '#libs/pipelines/meters.ts';
import { type ModelPrice, worstCaseNanoUsd } from '#libs/pricing/price.ts';
import { meteringUnavailable } from '#libs/service/refusal.ts';

/** How a request can be planned. `scale` is the share of its output caps, in (0, 1]. */
export type Planner = {
  plan: (options: { exact: boolean; scale: number }) => Promise<CallPlan> | CallPlan;
  /** Whether an exact count can give a smaller bound than the cheap one. */
  canCount: boolean;
  /** Whether the client lets us lower the output caps. */
  fitBudget: boolean;
  /** The smallest scale worth running. */
  smallestScale: (plan: CallPlan) => number;
};

export type Admission = { plan: CallPlan; answer: HoldAnswer; scale: number };

export type AdmitDependencies = {
  hold: (request: HoldRequest) => Promise<HoldAnswer>;
  priceOf: (call: CallPlan['calls'][number]) => ModelPrice;
  holdTtlMs: number;
};

export type AdmitRequest = { requestId: string; caller: Caller; planner: Planner };

const FIT_ATTEMPTS = 6;
/** Aim below the headroom just seen: others are holding too, and input is not scaled. */
const FIT_MARGIN = 0.97;

/** What a plan can come to at most, by meter. */
export function worstCaseOf(plan: CallPlan, priceOf: AdmitDependencies['priceOf']): MeterAmounts {
  const amounts: MeterAmounts = {};
  for (const call of plan.calls) {
    worstCaseMeters(call, worstCaseNanoUsd(boundOf(call), priceOf(call)), amounts);
  }
  return amounts;
}

/**
 * @returns the last attempt, whatever its verdict.
 * @throws ProblemError `metering_unavailable` when the ledger cannot answer.
 */
export async function admit(
  { requestId, caller, planner }: AdmitRequest,
  { hold, priceOf, holdTtlMs }: AdmitDependencies,
): Promise<Admission> {
  const attempt = async (plan: CallPlan, final: boolean): Promise<HoldAnswer> => {
    const targets = new Set<string>();
    for (const call of plan.calls) targets.add(call.provider).add(`${call.provider}/${call.model}`);
    try {
      return await hold({
        id: requestId,
        accountId: caller.accountId,
        userId: caller.userId,
        keyId: caller.keyId,
        workspaceId: caller.workspaceId,
        ttlMs: holdTtlMs,
        meters: worstCaseOf(plan, priceOf),
        targets: [...targets],
        detail: JSON.stringify(plan),
        keepRefusal: final,
      });
    } catch (error) {
      throw meteringUnavailable(error);
    }
  };

  /** An attempt that is not the last leaves no trace, so the verdict that stands is asked for once more. */
  const conclude = async (plan: CallPlan, answer: HoldAnswer, scale: number): Promise<Admission> => ({
    plan,
    answer: answer.verdict === 'ok' ? answer : await attempt(plan, true),
    scale,
  });

  const { canCount, fitBudget } = planner;
  let plan = await planner.plan({ exact: false, scale: 1 });
  if (!canCount && !fitBudget) return { plan, answer: await attempt(plan, true), scale: 1 };
  let answer = await attempt(plan, false);
  if (!mayFitSmaller(answer)) return conclude(plan, answer, 1);

  if (canCount) {
    plan = await planner.plan({ exact: true, scale: 1 });
    if (!fitBudget) return { plan, answer: await attempt(plan, true), scale: 1 };
    answer = await attempt(plan, false);
    if (!mayFitSmaller(answer)) return conclude(plan, answer, 1);
  }

  const smallest = planner.smallestScale(plan);
  let scale = 1;
  for (
    let attempts = 1;
    attempts <= FIT_ATTEMPTS && scale > smallest && mayFitSmaller(answer);
    attempts += 1
  ) {
    scale = attempts === FIT_ATTEMPTS ? smallest : Math.max(smallest, scale * fittingShare(answer.limit));
    plan = await planner.plan({ exact: canCount, scale });
    answer = await attempt(plan, false);
  }
  return conclude(plan, answer, scale);
}

/** Refused for its size, where a smaller worst case might pass. */
function mayFitSmaller(answer: HoldAnswer): boolean {
  if (answer.replayed) return false;
  return (
    answer.verdict === 'limit_held' || (answer.verdict === 'limit_exceeded' && headroom(answer.limit) > 0n)
  );
}

function headroom(limit: LimitView | null): bigint {
  return limit === null || limit.amount === null ? 0n : limit.amount - limit.used - limit.held;
}

/** The share of what was asked that the binding limit has room for. */
function fittingShare(limit: LimitView | null): number {
  if (limit === null || limit.asked === 0n) return 0;
  const permille = (headroom(limit) * 1000n) / limit.asked;
  return (Number(permille) / 1000) * FIT_MARGIN;
}
