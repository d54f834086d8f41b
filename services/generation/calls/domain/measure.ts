import type { PlannedCall } from '#libs/contracts/work.ts';
import type { UsageSource } from '#libs/ledger/types.ts';
import { outputCapOf } from '#libs/pipelines/meters.ts';
import type { Units } from '#libs/pricing/units.ts';
import type { CallRecord } from './call-record.ts';
import { countTokens } from './count-tokens.ts';

/** How a call ended, as the books have it. */
export type Outcome = {
  status: 'ok' | 'aborted' | 'error';
  /** A problem's code. */
  errorCode: string | null;
  /** The provider may have worked, whatever arrived of it. */
  mayBeBilled: boolean;
};

export type Measured = { units: Units; source: UsageSource };

const NOTHING: Units = {};

/**
 * What a call came to.
 *
 * - The provider's final figures are taken as they are, above the cap too.
 * - A call that failed before it wrote anything came to nothing, unless the provider may have worked on it all the same.
 * - Otherwise the output is counted from what arrived, and the rest is what the provider said, else the prompt as far as
 *   it can be counted: this holds for a call that broke in the middle, that we ended, or whose provider does not report.
 *
 * @param countPrompt a closer figure than the bound of the prompt, which may be as large as its bytes.
 */
export async function measure(
  call: PlannedCall,
  record: CallRecord,
  { status, mayBeBilled }: Outcome,
  countPrompt?: () => Promise<number>,
): Promise<Measured> {
  const { usage, text, reasoning } = record;
  if (usage?.final) return { units: usage.units, source: 'provider' };
  const cameToNothing = status !== 'ok' && !(mayBeBilled && record.isInFlight);
  if (cameToNothing && !record.hasOutput) return { units: NOTHING, source: 'estimated' };

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

/** Never more than was held for it. */
async function inputOf({ inputTokens }: PlannedCall, countPrompt?: () => Promise<number>): Promise<number> {
  return countPrompt === undefined ? inputTokens : Math.min(inputTokens, await countPrompt());
}
