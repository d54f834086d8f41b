import type { SpeechRequest, TranscriptionOrder } from '#libs/contracts/audio.ts';
import type { FileSource } from '#libs/contracts/file-source.ts';
import { characterCount } from '#libs/pipelines/audio.ts';
import type { Attempt } from '../../calls/domain/run-call.ts';
import type { AudioAdapter } from '../../providers/domain/audio-adapter.ts';

type AdapterFor = (provider: string) => AudioAdapter;

/** An attempt at a planned call that speaks: it is billed by the characters of its text. */
export function speechAttempt(order: SpeechRequest, adapterFor: AdapterFor): Attempt<Buffer> {
  return async (context, record, { provider, upstreamModel }) => {
    const bytes = await adapterFor(provider).speak({ ...order, upstreamModel }, context);
    record.takeDocument(bytes.length, { character: characterCount(order.input) });
    return bytes;
  };
}

/** An attempt at a planned transcription. Without a figure of the provider, the duration that was read from the file counts. */
export function transcriptionAttempt(
  order: TranscriptionOrder,
  file: FileSource,
  adapterFor: AdapterFor,
): Attempt<Buffer> {
  return async (context, record, { provider, upstreamModel, otherUnits }) => {
    const { bytes, seconds } = await adapterFor(provider).transcribe(
      { ...order, upstreamModel, file },
      context,
    );
    record.takeDocument(bytes.length, seconds === null ? otherUnits : { audio_second: seconds });
    return bytes;
  };
}
