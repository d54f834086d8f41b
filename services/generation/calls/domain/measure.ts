import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { UsageSource } from '#libs/ledger/types.ts';
import { outputCapOf } from '#libs/pipelines/meters.ts';
import { outputTokens, promptTokens, type Units } from '#libs/pricing/units.ts';
import type { CallRecord } from './call-record.ts';
import { countTokens } from './count-tokens.ts';

/** How a call ended, as it is settled. */
export type Outcome = {
  status: 'ok' | 'aborted' | 'error';
  /** A problem's code. */
  errorCode: string | null;
  /** The provider may have done billable work, even if nothing arrived. */
  mayBeBilled: boolean;
  /** Output may be missing from what arrived, so it cannot be counted: the connection ended before it, or it is unreadable. */
  mayLackOutput?: boolean;
};

/** The usage of a call. Without units, the outcome is unknown: the call counts at what was held for it. */
export type Measured =
  | { units: Units; source: Exclude<UsageSource, 'bound'> }
  | { units: null; source: 'bound' };

const NOTHING: Measured = { units: {}, source: 'estimated' };
const UNKNOWN: Measured = { units: null, source: 'bound' };

/**
 * Measures the usage of a call.
 *
 * - The provider's final figures are used as reported, also above the cap. Zero where there was output is unknown.
 * - A call that was not sent, or that the provider refused, used nothing.
 * - Otherwise output is counted from what arrived, if that is all that the provider can bill and, unless the answer is
 *   complete, if the count is exact. Input is what the provider
 *   reported, else the counted prompt.
 * - Otherwise the outcome is unknown.
 *
 * @param countPrompt a closer figure than the prompt's bound, which can be as large as its bytes.
 */
export async function measure(
  call: PlannedCall,
  record: CallRecord,
  outcome: Outcome,
  countPrompt?: () => Promise<number>,
): Promise<Measured> {
  const { usage } = record;
  const prompt = usage && isPromptKnown(usage.units) ? usage.units : null;
  const isFinal = usage?.final === true && isOutputKnown(usage.units, record);
  if (isFinal && prompt) return { units: usage.units, source: 'provider' };
  if (isUnbilled(record, outcome)) return NOTHING;

  const input = prompt ?? { [promptClassOf(call)]: await inputOf(call, countPrompt), ...call.otherUnits };
  if (isFinal) return { units: { ...usage.units, ...input }, source: 'counted' };
  if (!record.isCountable || outcome.mayLackOutput) return UNKNOWN;
  return countOutput(call, record, input);
}

/** Every prompt has tokens. Usage without tokens, such as that of images, is complete as it is. */
function isPromptKnown(units: Units): boolean {
  return promptTokens(units) > 0 || !hasTokenClass(units);
}

/** The longest token of any vendor's public vocabulary, in characters. */
const LONGEST_TOKEN = 128;

/** Fewer tokens than the text must have are as unknown as none. */
function isOutputKnown(units: Units, { hasOutput, text }: CallRecord): boolean {
  if (!hasOutput || !hasTokenClass(units)) return true;
  const tokens = outputTokens(units);
  return tokens > 0 && text.length <= tokens * LONGEST_TOKEN;
}

function hasTokenClass({ input, output }: Units): boolean {
  return input !== undefined || output !== undefined;
}

function isUnbilled(record: CallRecord, { mayBeBilled }: Outcome): boolean {
  const { isComplete, hasBegun, hasOutput, isInFlight } = record;
  return !isComplete && !hasBegun && !hasOutput && !(mayBeBilled && isInFlight);
}

async function countOutput(
  call: PlannedCall,
  { text, reasoning, hasOutput }: CallRecord,
  known: Units,
): Promise<Measured> {
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
    source: written.isExact && hasOutput ? 'counted' : 'estimated',
  };
}

/** Tokens of a prompt with a recording cannot be split, so all count in the more expensive class. */
const promptClassOf = ({ hearsAudio }: PlannedCall) => (hearsAudio === true ? 'input_audio' : 'input');

/** At most what was held for the prompt. */
async function inputOf({ inputTokens }: PlannedCall, countPrompt?: () => Promise<number>): Promise<number> {
  return countPrompt === undefined ? inputTokens : Math.min(inputTokens, await countPrompt());
}
