import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { ModerationRequest } from '#libs/contracts/moderations.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';
import type { Attempt } from '../calls/domain/run-call.ts';
import type { ModerationAdapter } from '../providers/domain/moderation-adapter.ts';

type Moderation = { results?: { flagged?: boolean; categories?: Record<string, boolean> }[] };

/** An attempt that resolves to the categories for which the input is flagged; none if it may be used. */
export function safetyAttempt(
  { upstreamModel, otherUnits }: Pick<PlannedCall, 'upstreamModel' | 'otherUnits'>,
  input: ModerationRequest['input'],
  adapter: ModerationAdapter,
): Attempt<string[]> {
  return async (context, record) => {
    const bytes = await adapter.moderate({ model: upstreamModel, input }, context);
    record.takeDocument(bytes.length, otherUnits);
    return flaggedCategories(JSON.parse(bytes.toString('utf8')));
  };
}

function flaggedCategories({ results = [] }: Moderation): string[] {
  const flagged = results.filter((result) => result.flagged === true);
  const names = flagged.flatMap(({ categories = {} }) =>
    Object.entries(categories).flatMap(([name, isFlagged]) => (isFlagged ? [name] : [])),
  );
  return flagged.length > 0 && names.length === 0 ? ['other'] : [...new Set(names)];
}

export function promptRefused(categories: readonly string[]): ProblemError {
  return problem('prompt_refused', { fields: { categories } });
}
