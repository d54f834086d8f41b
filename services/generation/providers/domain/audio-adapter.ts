/** The interface to audio models. An adapter makes one call through its vendor's API; it never retries and never logs. */
import type { SpeechRequest, TranscriptionOrder } from '#libs/contracts/audio.ts';
import type { FileSource } from '#libs/contracts/file-source.ts';
import type { CallContext } from './provider-adapter.ts';

export type Transcript = {
  /** The vendor's answer, in the requested format. */
  bytes: Buffer;
  /** Seconds that the vendor bills; null if it does not say. */
  seconds: number | null;
};

export type AudioAdapter = {
  /** @throws ProviderError */
  readonly transcribe: (
    order: TranscriptionOrder & { upstreamModel: string; file: FileSource },
    context: CallContext,
  ) => Promise<Transcript>;
  /** @returns the recording. @throws ProviderError */
  readonly speak: (order: SpeechRequest & { upstreamModel: string }, context: CallContext) => Promise<Buffer>;
};
