/** Holds operations of a customer's own backend. */
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import type { PlannedOperation } from '#libs/contracts/holds.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { Database } from '#libs/db/database.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import type { HoldAnswer } from '#libs/ledger/types.ts';
import { meteringUnavailable, refusal, type StopNotice } from '#libs/service/refusal.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import type { ReadLimits } from '../entitlements/domain/plan-context.ts';
import { type ExternalCall, holdRequestOf } from './domain.ts';
import { type PlanDependencies, planForCaller } from './plan-operations.ts';

export type HoldDependencies = PlanDependencies & {
  database: Database;
  ledger: Pick<Ledger, 'check' | 'hold' | 'settle' | 'close' | 'correct'>;
  entitlements: Pick<AccountEntitlements, 'get' | 'catalogueOf' | 'suggestPlans'>;
  readLimits: ReadLimits;
  /** What callers may read about an emergency stop. */
  findStopNotice: (stop: string) => Promise<StopNotice | null>;
  runtime: Runtime;
};

/** @throws ProblemError for every refusal, as a metered request is refused. */
export async function holdAll(
  options: HoldDependencies,
  caller: Caller,
  entitlements: Entitlements,
  { id, operations, ttlMs }: { id: string; operations: readonly PlannedOperation[]; ttlMs: number },
): Promise<{ answer: HoldAnswer; calls: ExternalCall[] }> {
  const calls: ExternalCall[] = [];
  for (const [index, operation] of operations.entries())
    calls.push(await planForCaller(options, caller, entitlements, operation, index));
  const answer = await options.ledger
    .hold(holdRequestOf(id, caller, calls, ttlMs))
    .catch((error: unknown) => {
      throw meteringUnavailable(error);
    });
  if (answer.verdict === 'ok') return { answer, calls };
  const { stop, limit } = answer;
  throw refusal(answer, {
    // The refusal stands whether its reason can be read or not.
    notice: stop === null ? null : await options.findStopNotice(stop).catch(() => null),
    now: options.runtime.clock.now(),
    plan: entitlements.plan.key,
    suggestions: limit === null ? undefined : await options.entitlements.suggestPlans(entitlements, limit),
  });
}
