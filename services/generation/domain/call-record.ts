import type { CallTrace, ReportedUsage } from '../providers/port.ts';
import type { StreamPiece } from '../providers/stream-piece.ts';

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

  /** Output has arrived. */
  get hasOutput(): boolean {
    return this.text !== '' || this.reasoning !== '';
  }

  take({ bytes, text, reasoning, usage }: StreamPiece): void {
    this.firstByteMs ??= this.#elapsedMs();
    if (bytes !== null)
      this.responseBytes += typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length;
    this.text += text;
    this.reasoning += reasoning;
    if (usage) this.usage = usage;
  }

  end(): void {
    this.isInFlight = false;
    this.latencyMs = this.#elapsedMs();
  }

  #elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }
}
