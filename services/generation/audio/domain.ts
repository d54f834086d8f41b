import type { SpeechRequest } from '#libs/contracts/audio.ts';
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
