import type { CallPlan, PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { SAFETY_STEP } from '#libs/pipelines/safety.ts';
import { problem } from '#libs/problems/problems.ts';

/**
 * The plan of a caller whose session token may be restricted to models: without fallbacks by others.
 *
 * @throws ProblemError `insufficient_scope` for a plan that needs another model.
 */
export function withinSession<Plan extends Pick<CallPlan, 'calls'>>({ session }: Caller, plan: Plan): Plan {
  const models = session?.models ?? null;
  if (models === null) return plan;
  // A moderation is no choice of the caller.
  const isAllowed = ({ step, provider, model }: PlannedCall) =>
    step === SAFETY_STEP || models.includes(model) || models.includes(`${provider}/${model}`);
  const other = plan.calls.find((call) => !isAllowed(call));
  if (other !== undefined)
    throw problem('insufficient_scope', { detail: `The session token may not call ${other.model}.` });
  const calls = plan.calls.map((call) =>
    call.fallbacks === undefined ? call : { ...call, fallbacks: call.fallbacks.filter(isAllowed) },
  );
  return { ...plan, calls };
}
