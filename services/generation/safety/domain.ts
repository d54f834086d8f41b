import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { ModerationRequest } from '#libs/contracts/moderations.ts';
import { safetyInput } from '#libs/pipelines/safety.ts';
import { ProblemError, problem } from '#libs/problems/problems.ts';
import { type Attempt, type CallRunner, type ProviderCall, runCall } from '../calls/domain/run-call.ts';
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

/** Failures of the moderation itself. The providers of texts refuse what they must, so texts are written without it. */
export const OUTAGES: ReadonlySet<string> = new Set([
  'provider_error',
  'provider_timeout',
  'provider_malformed',
]);

export type TextModeration = Pick<ProviderCall, 'requestId' | 'active' | 'settlement'> & {
  runner: CallRunner;
  call: PlannedCall;
  texts: readonly (string | null | undefined)[];
  /** Undefined for a provider that is not configured: nothing is moderated. */
  adapter: ModerationAdapter | undefined;
};

/** Moderates texts before anything is written for them. @throws ProblemError `prompt_refused`. */
export async function moderateTexts(moderation: TextModeration): Promise<void> {
  const { runner, call, texts, adapter, requestId, active, settlement } = moderation;
  if (adapter === undefined) return;
  const attempt = safetyAttempt(call, safetyInput(texts), adapter);
  const providerCall = { requestId, active, settlement, call, isLast: () => false };
  try {
    const { result } = await runCall(runner, providerCall, attempt);
    if (result.length > 0) throw promptRefused(result);
  } catch (error) {
    if (!(error instanceof ProblemError) || !OUTAGES.has(error.code)) throw error;
  }
}
