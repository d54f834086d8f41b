import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { outputCapOf } from '#libs/pipelines/meters.ts';
import type { Units } from '#libs/pricing/units.ts';
import { LONGEST_TOKEN_BYTES } from '#libs/tokens/count-tokens.ts';
import type { WholeAnswer } from '../../providers/domain/chat-source.ts';
import type { CallTrace } from '../../providers/domain/provider-adapter.ts';
import { ProviderError } from '../../providers/domain/provider-error.ts';
import { outputOf, type ReportedUsage, type StreamPiece } from '../../providers/domain/stream-piece.ts';
import { hasPublicTokenizer } from './count-tokens.ts';

type CappedCall = Pick<PlannedCall, 'provider' | 'outputTokens' | 'choices' | 'hiddenReasoning'>;

/** Every call may produce this much, because the names around tool arguments do not count against the cap. */
const MIN_TEXT_LENGTH = 65_536;

/** A longer text exceeds the call's output cap with any tokenizer. */
function maxTextLengthOf(call: CappedCall): number {
  return Math.max(outputCapOf(call) * LONGEST_TOKEN_BYTES, MIN_TEXT_LENGTH);
}

/**
 * What is known about one provider call while it runs: the usage reported so far, and the text, which is counted if the
 * provider reports no usage. The call is settled from this record however it ends.
 */
export class CallRecord implements CallTrace {
  requestBytes = 0;
  responseBytes = 0;
  providerRequestId: string | null = null;
  serviceTier: string | null = null;
  attempts = 0;
  isInFlight = false;
  firstByteMs: number | null = null;
  latencyMs = 0;
  usage: ReportedUsage | null = null;
  text = '';
  reasoning = '';
  /** Part of an answer has arrived. The attempt may have been billed and must not be repeated. */
  hasBegun = false;
  /** The whole answer has arrived. */
  isComplete = false;
  /** The answer arrives while it is written, so what has arrived is what was produced. */
  isStreamed = false;
  /** Called after each piece of a stream. */
  onPiece: (() => void) | undefined;
  readonly #startedAt = performance.now();
  readonly #maxTextLength: number;
  readonly #hasHiddenReasoning: boolean;
  readonly #isExact: boolean;
  #hasToolCall = false;

  constructor(call: CappedCall) {
    this.#maxTextLength = maxTextLengthOf(call);
    this.#hasHiddenReasoning = call.hiddenReasoning !== false;
    // the choices of a stream arrive interleaved
    this.#isExact = hasPublicTokenizer(call.provider) && call.choices === 1;
  }

  /** Whether any output has arrived. */
  get hasOutput(): boolean {
    return this.text !== '' || this.reasoning !== '';
  }

  /**
   * Whether what may be billed can be counted, if the call ends now. An answer that is not complete must be counted exactly:
   * it must be a stream of plain text, of a model whose tokenizer is public.
   */
  get isCountable(): boolean {
    if (this.#hasHiddenReasoning) return false;
    return this.isComplete || (this.isStreamed && this.hasOutput && this.#isExact && !this.#hasToolCall);
  }

  /** @throws ProviderError `malformed` when the provider exceeds the output cap, because the excess was never held. */
  take({ bytes, text, reasoning, usage, hasToolCall = false }: StreamPiece): void {
    this.firstByteMs ??= this.#elapsedMs();
    this.isStreamed = true;
    if (bytes !== null) {
      this.hasBegun = true;
      this.responseBytes += Buffer.byteLength(bytes);
    }
    this.text += text;
    this.reasoning += reasoning;
    if (usage) this.usage = usage;
    this.#hasToolCall ||= hasToolCall;
    if (this.text.length + this.reasoning.length > this.#maxTextLength)
      throw new ProviderError('malformed', 'The provider exceeded the output cap.');
    this.onPiece?.();
  }

  /** Takes an answer that arrived as a whole. */
  takeAnswer({ bytes, completion, units }: WholeAnswer): void {
    this.hasBegun = true;
    this.isComplete = true;
    this.responseBytes = bytes.length;
    Object.assign(this, outputOf(completion));
    if (units) this.usage = { units, final: true };
  }

  /** Takes a document of a call that writes no text. Without units, its prompt is counted. */
  takeDocument(bytes: number, units: Units | undefined): void {
    this.hasBegun = true;
    this.isComplete = true;
    this.responseBytes = bytes;
    if (units) this.usage = { units, final: true };
  }

  end(): void {
    this.isInFlight = false;
    this.latencyMs = this.#elapsedMs();
  }

  #elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }
}
