/** A recording of the audio script. */
import { bytesForWords } from './language.ts';
import { AUDIO_SCRIPT, scriptWords, spokenScript } from './scripts.ts';
import { type ContentPipeline, jsonOf, type StepOutputs, type StoredMedia } from './step.ts';
import { shortenTo } from './text.ts';

const SPEAK = 'voice_over.speak';
/** What a provider takes in one call. */
const MAX_CHARACTERS = 4_096;

export const voiceOverPipeline: ContentPipeline = {
  steps: ({ request, language }) => {
    const { voice_over: voice } = request;
    if (voice === undefined) return [];
    const maxCharacters = Math.min(MAX_CHARACTERS, bytesForWords(scriptWords('audio', request), language));
    return [
      {
        key: SPEAK,
        part: 'voice_over',
        role: 'fast',
        template: 'voice_over.speak@1',
        message: 'voice_over',
        task: '',
        inputs: [{ from: AUDIO_SCRIPT, label: 'script', words: 0 }],
        spec: { kind: 'speech', voice, maxCharacters },
        words: 0,
        hasSpare: false,
        counts: {},
      },
    ];
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

/** What is spoken: the script, or its first sentences if it is longer than planned. */
export function speechText(outputs: StepOutputs, maxCharacters: number): { text: string; isCut: boolean } {
  const { text } = spokenScript(outputs);
  const spoken = shortenTo(text, maxCharacters, codeUnits);
  return { text: spoken, isCut: spoken.length < text.length };
}

/** At least as many as the characters that are billed. */
const codeUnits = (text: string) => text.length;
