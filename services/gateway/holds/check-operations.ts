/** Decides whether operations would be admitted, without holding them. */
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { CheckedOperation, PlannedOperation } from '#libs/contracts/holds.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { refusedLimitToWire } from '#libs/contracts/limits.ts';
import type { HoldAnswer } from '#libs/ledger/types.ts';
import { ProblemError } from '#libs/problems/problems.ts';
import { meteringUnavailable, refusal } from '#libs/service/refusal.ts';
import { costFields, type ExternalCall, heldMeters, holdRequestOf } from './domain.ts';
import type { HoldDependencies } from './hold-operations.ts';
import { planForCaller } from './plan-operations.ts';

type Planned = { call: ExternalCall } | { code: string };

export type Checked = {
  operations: CheckedOperation[];
  costNanoUsd: bigint;
  /** Of all operations. */
  meters: ReadonlySet<string>;
};

/** @throws ProblemError `metering_unavailable` */
export async function checkAll(
  options: HoldDependencies,
  caller: Caller,
  entitlements: Entitlements,
  operations: readonly PlannedOperation[],
): Promise<Checked> {
  const { ledger, runtime } = options;
  const planned: Planned[] = [];
  for (const [index, operation] of operations.entries())
    planned.push(await plan(options, caller, entitlements, operation, index));
  const calls = planned.flatMap((one) => ('call' in one ? [one.call] : []));
  const requests = calls.map((call) => holdRequestOf(runtime.newId(), caller, [call], 0));
  const answers = await ledger.check(requests).catch((error: unknown) => {
    throw meteringUnavailable(error);
  });
  const answerOf = new Map(calls.map((call, index) => [call.index, answers[index] as HoldAnswer]));
  const context = { now: runtime.clock.now(), plan: entitlements.plan.key, suggestions: undefined };
  return {
    operations: planned.map((one, index): CheckedOperation => {
      const { name, model = null } = operations[index] as PlannedOperation;
      if ('code' in one)
        return { index, name, model, allowed: false, ...NO_COST, reason: one.code, limit: null };
      const answer = answerOf.get(index) as HoldAnswer;
      const allowed = answer.verdict === 'ok';
      return {
        ...{ index, name, model, allowed },
        ...costFields(heldMeters(one.call).cost ?? 0n),
        reason: allowed ? null : refusal(answer, context).code,
        limit: allowed || answer.limit === null ? null : refusedLimitToWire(answer.limit),
      };
    }),
    costNanoUsd: calls.reduce((sum, call) => sum + (heldMeters(call).cost ?? 0n), 0n),
    meters: new Set(calls.flatMap((call) => Object.keys(heldMeters(call)))),
  };
}

const NO_COST = { cost_usd: null, cost_nano_usd: null };

async function plan(...args: Parameters<typeof planForCaller>): Promise<Planned> {
  try {
    return { call: await planForCaller(...args) };
  } catch (error) {
    if (error instanceof ProblemError && error.status < 500) return { code: error.code };
    throw error;
  }
}
