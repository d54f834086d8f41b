import type { SpeechRequest, TranscriptionOrder } from '#libs/contracts/audio.ts';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { characterCount } from '#libs/pipelines/audio.ts';
import type { Attempt } from '../calls/domain/run-call.ts';
import type { AudioAdapter } from '../providers/domain/audio-adapter.ts';

/** An attempt at a planned call that speaks: it is billed by the characters of its text. */
export function speechAttempt(
  { upstreamModel }: Pick<PlannedCall, 'upstreamModel'>,
  order: SpeechRequest,
  adapter: AudioAdapter,
): Attempt<Buffer> {
  return async (context, record) => {
    const bytes = await adapter.speak({ ...order, upstreamModel }, context);
    record.takeDocument(bytes.length, { character: characterCount(order.input) });
    return bytes;
  };
}

/** An attempt at a planned transcription. Without a figure of the provider, the duration that was read from the file counts. */
export function transcriptionAttempt(
  { upstreamModel, otherUnits }: Pick<PlannedCall, 'upstreamModel' | 'otherUnits'>,
  order: TranscriptionOrder,
  file: Buffer,
  adapter: AudioAdapter,
): Attempt<Buffer> {
  return async (context, record) => {
    const { bytes, seconds } = await adapter.transcribe({ ...order, upstreamModel, file }, context);
    record.takeDocument(bytes.length, seconds === null ? otherUnits : { audio_second: seconds });
    return bytes;
  };
}
