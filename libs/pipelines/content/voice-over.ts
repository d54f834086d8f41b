/** A recording of the audio script, spoken in pieces that providers take. */
import { bytesForWords } from './language.ts';
import { AUDIO_SCRIPT, scriptWords, spokenScript } from './scripts.ts';
import {
  type ContentPipeline,
  type ContentStep,
  jsonOf,
  type SpeechSpec,
  type StepOutputs,
  type StoredMedia,
} from './step.ts';
import { sentenceEnds, shortenTo } from './text.ts';

const SPEAK = 'voice_over.speak';

/** Providers take 4,096 characters in one call: the average of a piece, and how far its ends may move to end a sentence. */
const PIECE_CHARACTERS = 3_600;
const MAX_SHIFT = 240;

export const voiceOverPipeline: ContentPipeline = {
  steps: ({ request, plannedLanguage }) => {
    const { voice_over: voice } = request;
    if (voice === undefined) return [];
    const maxCharacters = bytesForWords(scriptWords('audio', request), plannedLanguage);
    const count = Math.ceil(maxCharacters / PIECE_CHARACTERS);
    const pieceKeys = Array.from({ length: count - 1 }, (_, index) => `${SPEAK}.${index + 1}`);
    const step = (key: string, index: number, joins: readonly string[]): ContentStep => ({
      key,
      part: 'voice_over',
      role: 'fast',
      template: 'voice_over.speak@2',
      message: 'voice_over',
      task: '',
      inputs: [AUDIO_SCRIPT, ...joins].map((from) => ({ from, label: 'script', words: 0 })),
      spec: { kind: 'speech', voice, maxCharacters, piece: { index, count }, joins },
      words: 0,
      hasSpare: false,
      counts: {},
    });
    // The last piece waits for the others, and joins them to one recording.
    return [...pieceKeys.map((key, index) => step(key, index, [])), step(SPEAK, count - 1, pieceKeys)];
  },
  assemble: ({ request }, outputs) => {
    const { title } = spokenScript(outputs);
    const recording = jsonOf<StoredMedia>(outputs, SPEAK);
    return {
      title,
      content: { title, voice: request.voice_over, ...recording },
      markdown: `[${title.replace(/[[\]]/g, '')}](/api/media/${recording.media_id})`,
    };
  },
};

/** The most characters that a piece has. */
export function pieceBound({ maxCharacters, piece: { count } }: SpeechSpec): number {
  return count === 1 ? maxCharacters : Math.ceil(maxCharacters / count) + 2 * MAX_SHIFT;
}

/** The piece that a step speaks of the script, or of its first sentences if it is longer than planned. */
export function speechText(
  outputs: StepOutputs,
  { maxCharacters, piece: { index, count } }: SpeechSpec,
): { text: string; isCut: boolean } {
  const { text } = spokenScript(outputs);
  const spoken = shortenTo(text, maxCharacters, codeUnits);
  return { text: piecesOf(spoken, count)[index] ?? '', isCut: spoken.length < text.length };
}

/** A text in pieces of about the same length, cut between sentences if one ends nearby, else between words. */
export function piecesOf(text: string, count: number): string[] {
  const average = text.length / count;
  const shift = Math.min(MAX_SHIFT, Math.floor(average / 3));
  const sentences = sentenceEnds(text);
  const words = [...text.matchAll(/\s+/g)].map(({ index }) => index);
  const cuts = Array.from({ length: count - 1 }, (_, index) => {
    const wanted = Math.round(average * (index + 1));
    const isNear = (position: number) => Math.abs(position - wanted) <= shift;
    return sentences.findLast(isNear) ?? words.findLast(isNear) ?? wanted;
  });
  return [...cuts, text.length].map((end, index) => text.slice(cuts[index - 1] ?? 0, end).trim());
}

/** At least as many as the characters that are billed. */
const codeUnits = (text: string) => text.length;
