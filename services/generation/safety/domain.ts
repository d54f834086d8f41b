import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { ModerationRequest } from '#libs/contracts/moderations.ts';
import { joinedText, safetyInput } from '#libs/pipelines/safety.ts';
import { ProblemError, problem } from '#libs/problems/problems.ts';
import { type Attempt, type CallRunner, type ProviderCall, runCall } from '../calls/domain/run-call.ts';
import type { ModerationAdapter } from '../providers/domain/moderation-adapter.ts';
import { ProviderError } from '../providers/domain/provider-error.ts';

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

/** Failures of the moderation itself. */
const OUTAGES: ReadonlySet<string> = new Set([
  'provider_error',
  'provider_timeout',
  'provider_malformed',
  // The service stops.
  'service_unavailable',
]);

/** Whether texts are written although their moderation failed: the providers of texts refuse what they must. */
export function isAllowedAfter(
  code: string,
  { moderationOutage }: Pick<CallRunner, 'moderationOutage'>,
): boolean {
  return moderationOutage === 'allow' && OUTAGES.has(code);
}

export type TextModeration = Pick<ProviderCall, 'requestId' | 'active' | 'settlement'> & {
  runner: CallRunner;
  call: PlannedCall;
  texts: readonly (string | null | undefined)[];
  /** Texts that are done without if they are flagged. */
  passages?: readonly string[];
  /** Undefined for a provider that is not configured: nothing is moderated. */
  adapter: ModerationAdapter | undefined;
};

/**
 * Moderates texts before anything is written for them.
 *
 * @returns the categories for which each passage is flagged; none for one that may be used.
 * @throws ProblemError `prompt_refused` if the texts are flagged.
 */
export async function moderateTexts(moderation: TextModeration): Promise<string[][]> {
  const { runner, call, texts, passages = [], adapter, requestId, active, settlement } = moderation;
  const unflagged = passages.map((): string[] => []);
  if (adapter === undefined) return unflagged;
  const attempt = flagsAttempt(call, inputOf(texts, passages), adapter);
  const providerCall = { requestId, active, settlement, call, isLast: () => false };
  try {
    const { result } = await runCall(runner, providerCall, async (...one) => {
      const flags = await attempt(...one);
      if (flags.length !== passages.length + 1)
        throw new ProviderError('malformed', 'The moderation has not one result for each text.');
      return flags;
    });
    const [flags = [], ...ofPassages] = result;
    if (flags.length > 0) throw promptRefused(flags);
    return ofPassages;
  } catch (error) {
    if (!(error instanceof ProblemError) || !isAllowedAfter(error.code, runner)) throw error;
    return unflagged;
  }
}

/** The texts are one input, and each passage is another. */
function inputOf(texts: TextModeration['texts'], passages: readonly string[]): ModerationRequest['input'] {
  if (passages.length === 0) return safetyInput(texts);
  return [joinedText(texts), ...passages.map((passage) => joinedText([passage]))];
}
