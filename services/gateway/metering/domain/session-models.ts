import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { problem } from '#libs/problems/problems.ts';

/**
 * A session token may be restricted to models, which concerns every call of a plan.
 * @throws ProblemError `insufficient_scope`
 */
export function checkSessionModels({ session }: Caller, { calls }: Pick<CallPlan, 'calls'>): void {
  const models = session?.models ?? null;
  if (models === null) return;
  const other = calls.find(
    ({ provider, model }) => !models.includes(model) && !models.includes(`${provider}/${model}`),
  );
  if (other === undefined) return;
  throw problem('insufficient_scope', { detail: `The session token may not call ${other.model}.` });
}
