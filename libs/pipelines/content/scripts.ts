/** Scripts to speak: for audio with cues, and for short videos with what is seen. */
import { z } from 'zod';
import type { GenerateRequest } from '#libs/contracts/generate.ts';
import { useOfSources } from './sources.ts';
import { type ContentPipeline, type JsonSpec, jsonOf, type StepOutputs } from './step.ts';
import { countWords, shortenTo } from './text.ts';
import { type Alternatives, alternativesOf } from './variants.ts';

/** Seconds by length; a number of words is spoken at {@link WORDS_PER_SECOND}. */
const AUDIO_SECONDS = { short: 30, medium: 60, long: 180 } as const;
const VIDEO_SECONDS = { short: 15, medium: 30, long: 60 } as const;
const MAX_SECONDS = { audio: 1_200, video: 180 } as const;
/** 150 words a minute. */
const WORDS_PER_SECOND = 2.5;
/** Speakers vary, and so do words. */
const TOLERANCE = 1.25;

/** Of an alternative hook, in characters. */
const MAX_HOOK = 200;

type Kind = 'audio' | 'video';
const CUE = { audio: 'cue', video: 'visual' } as const;

const audioScript = z.object({
  title: z.string(),
  hook: z.string(),
  segments: z.array(z.object({ text: z.string(), cue: z.string() })),
  call_to_action: z.string(),
});
const videoScript = z.object({
  title: z.string(),
  hook: z.string(),
  segments: z.array(z.object({ text: z.string(), visual: z.string() })),
  call_to_action: z.string(),
});
type Script = {
  title: string;
  hook: string;
  segments: { text: string; cue?: string; visual?: string }[];
  call_to_action: string;
} & Alternatives;

export const AUDIO_SCRIPT = 'audio.write';

export const audioPipeline = scriptPipeline('audio');
export const videoPipeline = scriptPipeline('video');

function scriptPipeline(kind: Kind): ContentPipeline {
  const key = `${kind}.write`;
  return {
    steps: (brief) => {
      const { request, basis, hasSpares } = brief;
      const seconds = secondsOf(kind, request);
      const words = scriptWords(kind, request);
      const hooks = alternativesOf(request, 'hook', MAX_HOOK);
      return [
        {
          key,
          part: kind,
          role: 'writer',
          template: `${kind}.write@2`,
          message: kind,
          task: `${TASKS[kind]} It takes ${seconds} seconds to speak: ${words} words in all, hook and call to action included. Write for the ear: short sentences with one thought each, no headings or brackets, numbers and abbreviations as they are spoken.${hooks.task}`,
          inputs: basis,
          sources: useOfSources(brief, 'read'),
          spec: scriptSpec(kind, words, hooks),
          words: Math.round(words * 1.6) + 60 + hooks.words,
          hasSpare: hasSpares,
          counts: { [`gen.${kind}`]: 1 },
        },
      ];
    },
    assemble: (_brief, outputs) => {
      const script = jsonOf<Script>(outputs, key);
      const parts = timed(kind, script);
      const lines = parts.map(
        ({ start, end, text, direction }) =>
          `**${clock(start)}–${clock(end)}** ${direction ? `_[${direction}]_ ` : ''}${text}`,
      );
      return {
        title: script.title,
        content: {
          title: script.title,
          seconds: parts.at(-1)?.end ?? 0,
          words: wordsOf(script),
          hook: script.hook,
          ...(script.alternatives && { alternatives: script.alternatives }),
          call_to_action: script.call_to_action,
          parts: parts.map(({ start, end, text, direction }) => ({
            start_seconds: start,
            end_seconds: end,
            text,
            ...(direction && { [CUE[kind]]: direction }),
          })),
        },
        markdown: `# ${script.title}\n\n${lines.join('\n\n')}\n`,
      };
    },
  };
}

const TASKS: Readonly<Record<Kind, string>> = {
  audio:
    'Write the script of an audio piece for one speaker. Open with a hook that makes listeners stay: a question, a contrast or a scene, no greeting. Then segments of one idea each that lead from the problem to what to do, each with a cue (music, pause, tone of voice), then a call to action with one single step.',
  video:
    'Write the script of a short vertical video. Open with a hook for the first three seconds that shows the problem or the result, no greeting. Then segments of one idea each, with the spoken text and what is seen (shot, movement, text on screen of at most six words), so that it also works without sound, then a call to action with one single step.',
};

function secondsOf(kind: Kind, { length }: GenerateRequest): number {
  const seconds = kind === 'audio' ? AUDIO_SECONDS : VIDEO_SECONDS;
  if (typeof length === 'string') return seconds[length];
  return Math.min(MAX_SECONDS[kind], Math.round(length / WORDS_PER_SECOND));
}

/** Words of a script, spoken at {@link WORDS_PER_SECOND}. */
export function scriptWords(kind: Kind, request: GenerateRequest): number {
  return Math.round(secondsOf(kind, request) * WORDS_PER_SECOND);
}

/** The audio script as it is spoken, without its cues. */
export function spokenScript(outputs: StepOutputs): { title: string; text: string } {
  const script = jsonOf<Script>(outputs, AUDIO_SCRIPT);
  const paragraphs = spokenOf(script).map((text) => text.trim());
  return { title: script.title, text: paragraphs.filter(Boolean).join('\n\n') };
}

function spokenOf({ hook, segments, call_to_action: action }: Script): string[] {
  return [hook, ...segments.map(({ text }) => text), action];
}

function wordsOf(script: Script): number {
  return spokenOf(script).reduce((sum, text) => sum + countWords(text), 0);
}

function scriptSpec(kind: Kind, words: number, hooks: ReturnType<typeof alternativesOf>): JsonSpec {
  const schema = kind === 'audio' ? audioScript : videoScript;
  return {
    kind: 'json',
    name: `${kind}_script`,
    schema: schema.extend(hooks.shape),
    problems: (script: Script) => {
      const spoken = wordsOf(script);
      return [
        ...(script.hook.trim() === '' ? ['The hook is empty.'] : []),
        ...hooks.problems(script),
        ...(script.segments.length > 0 ? [] : ['There is no segment.']),
        ...(spoken <= words * TOLERANCE ? [] : [`The script has ${spoken} words, ${words} are wanted.`]),
        ...(spoken >= words * 0.6 ? [] : [`The script has only ${spoken} words, ${words} are wanted.`]),
      ];
    },
    fit: (script: Script) => ({ ...script, ...hooks.fit(script), title: shortenTo(script.title, 120) }),
  };
}

/** The parts with the seconds that they take to speak, at least one each. */
function timed(kind: Kind, script: Script) {
  const directions = [undefined, ...script.segments.map((segment) => segment[CUE[kind]]), undefined];
  let start = 0;
  return spokenOf(script).flatMap((text, index) => {
    if (text.trim() === '') return [];
    const end = start + Math.max(1, Math.round(countWords(text) / WORDS_PER_SECOND));
    const part = { start, end, text, direction: directions[index] };
    start = end;
    return [part];
  });
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
