import type { PlannedCall } from '#libs/contracts/work.ts';
import { outputCapOf } from '#libs/pipelines/meters.ts';
import { LONGEST_TOKEN_BYTES } from '#libs/tokens/count-tokens.ts';
import type { CallTrace, ReportedUsage } from '../../providers/domain/provider-adapter.ts';
import { ProviderError } from '../../providers/domain/provider-error.ts';
import type { StreamPiece } from '../../providers/domain/stream-piece.ts';

type CappedCall = Pick<PlannedCall, 'outputTokens' | 'choices'>;

/** Any call may write this much: what surrounds a tool's arguments is no token of the cap. */
const SMALLEST_TEXT_LENGTH = 65_536;

/** A longer text than this has more tokens than the call was allowed, whatever they are. */
function longestTextOf(call: CappedCall): number {
  return Math.max(outputCapOf(call) * LONGEST_TOKEN_BYTES, SMALLEST_TEXT_LENGTH);
}

/**
 * What is known of one provider call as it goes. Whatever ends the call, the books are kept from here: it holds what
 * the provider reported so far, and what the model wrote, to be counted where the provider does not get to report.
 */
export class CallRecord implements CallTrace {
  requestBytes = 0;
  responseBytes = 0;
  providerRequestId: string | null = null;
  attempts = 0;
  isInFlight = false;
  firstByteMs: number | null = null;
  latencyMs = 0;
  usage: ReportedUsage | null = null;
  text = '';
  reasoning = '';
  readonly #startedAt = performance.now();
  readonly #longestText: number;

  constructor(call: CappedCall) {
    this.#longestText = longestTextOf(call);
  }

  /** Output has arrived. */
  get hasOutput(): boolean {
    return this.text !== '' || this.reasoning !== '';
  }

  /** @throws ProviderError `malformed` when the provider does not keep to the cap: what it writes on was never held. */
  take({ bytes, text, reasoning, usage }: StreamPiece): void {
    this.firstByteMs ??= this.#elapsedMs();
    if (bytes !== null)
      this.responseBytes += typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length;
    this.text += text;
    this.reasoning += reasoning;
    if (usage) this.usage = usage;
    if (this.text.length + this.reasoning.length > this.#longestText)
      throw new ProviderError('malformed', 'The provider wrote more than it was allowed to.');
  }

  end(): void {
    this.isInFlight = false;
    this.latencyMs = this.#elapsedMs();
  }

  #elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }
}
