/** Audio: the one call of a transcription, bounded by its seconds, or of speech, bounded by its characters. */
import type { CallPlan, PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { Units } from '#libs/pricing/units.ts';
import { type ModelChain, planChain, type TextModel } from './text-call.ts';

export const TRANSCRIPTION_STEP = 'transcription';
export const SPEECH_STEP = 'speech';

/** No codec for speech that providers accept needs fewer bits for a second (Opus). */
const FEWEST_BITS_PER_SECOND = 6_000;

/** The most bits that a second of a type has. A header that states a shorter recording is wrong. */
const MOST_BITS_PER_SECOND: readonly (readonly [RegExp, number])[] = [
  [/^audio\/(mpeg|ogg|opus|mp4|x-m4a|webm)|^application\/ogg/, 640_000],
  // uncompressed stereo of 192 kHz and 32 bits
  [/^audio\//, 12_288_000],
  [/^video\//, 25_000_000],
];

/**
 * The seconds that a recording is held for.
 * @param duration as read from the file, in seconds; null if the file does not say, as recordings of browsers do.
 */
export function secondsBound(duration: number | null, bytes: number, type: string): number {
  const bits = bytes * 8;
  const [, most = 0] = MOST_BITS_PER_SECOND.find(([pattern]) => pattern.test(type)) ?? [];
  const isPossible = duration !== null && duration * most >= bits;
  return Math.max(1, Math.ceil(isPossible ? duration : bits / FEWEST_BITS_PER_SECOND));
}

/** What speech is billed by. */
export function characterCount(text: string): number {
  return [...text].length;
}

export function planTranscription(model: ModelChain, seconds: number): CallPlan {
  return { kind: 'audio', calls: [planTranscriptionCall(model, seconds)] };
}

export function planTranscriptionCall(model: ModelChain, seconds: number): PlannedCall {
  return planChain(model, (one) => planAudioCall(one, TRANSCRIPTION_STEP, { audio_second: seconds }));
}

export function planSpeech(model: ModelChain, input: string): CallPlan {
  return { kind: 'audio', calls: [planSpeechCall(model, characterCount(input))] };
}

/** @param characters the most that are spoken. */
export function planSpeechCall(model: ModelChain, characters: number): PlannedCall {
  return planChain(model, (one) => planAudioCall(one, SPEECH_STEP, { character: characters }));
}

function planAudioCall({ model, price }: TextModel, step: string, units: Units): PlannedCall {
  return {
    index: 0,
    step,
    provider: model.provider,
    model: model.model,
    upstreamModel: model.upstreamModel,
    inputTokens: 0,
    outputTokens: 0,
    choices: 1,
    otherUnits: units as Record<string, number>,
    counts: {},
    price,
    hiddenReasoning: false,
  };
}

const EXTENSIONS: readonly (readonly [RegExp, string])[] = [
  [/mpeg/, 'mp3'],
  [/wav/, 'wav'],
  [/webm/, 'webm'],
  [/flac/, 'flac'],
  [/ogg|opus/, 'ogg'],
  [/mp4|m4a/, 'm4a'],
];

/** A file name for a recording of a type: providers tell formats by the extension, which may lack or lie. */
export function recordingName(type: string, name = 'recording'): string {
  const [, extension = 'mp3'] = EXTENSIONS.find(([pattern]) => pattern.test(type)) ?? [];
  const base = name.replace(/\.[A-Za-z0-9]{1,5}$/, '').replace(/[^\p{L}\p{N} ._-]/gu, '_');
  return `${base.slice(0, 100) || 'audio'}.${extension}`;
}
