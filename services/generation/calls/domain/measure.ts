import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { UsageSource } from '#libs/ledger/types.ts';
import { outputCapOf } from '#libs/pipelines/meters.ts';
import type { Units } from '#libs/pricing/units.ts';
import type { CallRecord } from './call-record.ts';
import { countTokens } from './count-tokens.ts';

/** How a call ended, as it is settled. */
export type Outcome = {
  status: 'ok' | 'aborted' | 'error';
  /** A problem's code. */
  errorCode: string | null;
  /** The provider may have done billable work, even if nothing arrived. */
  mayBeBilled: boolean;
};

export type Measured = { units: Units; source: UsageSource };

const NOTHING: Units = {};

/**
 * Measures the usage of a call.
 *
 * - The provider's final figures are used as reported, also above the cap.
 * - A call that failed before any output used nothing, unless the provider may have billed it.
 * - Otherwise (the call broke, we ended it, or the provider reports no usage) output is counted from what arrived. Input
 *   is what the provider reported, else the counted prompt.
 *
 * @param countPrompt a closer figure than the prompt's bound, which can be as large as its bytes.
 */
export async function measure(
  call: PlannedCall,
  record: CallRecord,
  { status, mayBeBilled }: Outcome,
  countPrompt?: () => Promise<number>,
): Promise<Measured> {
  const { usage, text, reasoning } = record;
  if (usage?.final) return { units: usage.units, source: 'provider' };
  const isUnbilled = status !== 'ok' && !(mayBeBilled && record.isInFlight);
  if (isUnbilled && !record.hasOutput) return { units: NOTHING, source: 'estimated' };

  const known = usage?.units ?? { input: await inputOf(call, countPrompt), ...call.otherUnits };
  const cap = outputCapOf(call);
  const written = await countTokens(text, call.provider, call.upstreamModel, cap);
  const thought = await countTokens(reasoning, call.provider, call.upstreamModel, cap);
  const reasoningTokens = known.reasoning ?? (reasoning === '' ? undefined : Math.min(thought.tokens, cap));
  return {
    units: {
      ...known,
      output: Math.max(known.output ?? 0, Math.min(written.tokens, cap)),
      ...(reasoningTokens !== undefined && { reasoning: reasoningTokens }),
    },
    source: written.isExact && record.hasOutput ? 'counted' : 'estimated',
  };
}

/** At most what was held for the prompt. */
async function inputOf({ inputTokens }: PlannedCall, countPrompt?: () => Promise<number>): Promise<number> {
  return countPrompt === undefined ? inputTokens : Math.min(inputTokens, await countPrompt());
}
