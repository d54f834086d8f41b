import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { ModerationRequest } from '#libs/contracts/moderations.ts';
import { safetyInput } from '#libs/pipelines/safety.ts';
import { ProblemError, problem } from '#libs/problems/problems.ts';
import { type Attempt, type CallRunner, type ProviderCall, runCall } from '../calls/domain/run-call.ts';
import type { ModerationAdapter } from '../providers/domain/moderation-adapter.ts';

type ModerationOutcome = { flagged?: boolean; categories?: Record<string, boolean> };
type Moderation = { results?: ModerationOutcome[] };

/** An attempt that resolves to the categories for which each input is flagged; none for one that may be used. */
export function flagsAttempt(
  { upstreamModel, otherUnits }: Pick<PlannedCall, 'upstreamModel' | 'otherUnits'>,
  input: ModerationRequest['input'],
  adapter: ModerationAdapter,
): Attempt<string[][]> {
  return async (context, record) => {
    const bytes = await adapter.moderate({ model: upstreamModel, input }, context);
    record.takeDocument(bytes.length, otherUnits);
    const { results = [] }: Moderation = JSON.parse(bytes.toString('utf8'));
    return results.map(flagsOf);
  };
}

/** An attempt that resolves to all categories for which the input is flagged; none if it may be used. */
export function safetyAttempt(...of: Parameters<typeof flagsAttempt>): Attempt<string[]> {
  const attempt = flagsAttempt(...of);
  return async (...call) => [...new Set((await attempt(...call)).flat())];
}

function flagsOf({ flagged = false, categories = {} }: ModerationOutcome): string[] {
  if (!flagged) return [];
  const names = Object.entries(categories).flatMap(([name, isFlagged]) => (isFlagged ? [name] : []));
  return names.length === 0 ? ['other'] : names;
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
