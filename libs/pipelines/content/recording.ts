/** Content from a recording: its transcript, the insights of that, and everything else from those. */
import { z } from 'zod';
import type { GenerateRequest, Part } from '#libs/contracts/generate.ts';
import { partsOf } from './parts.ts';
import {
  type ContentBrief,
  type ContentPipeline,
  type ContentStep,
  type JsonSpec,
  jsonOf,
  markdownOf,
  SOURCE,
  type StepInput,
  type StepOutputs,
} from './step.ts';
import { countWords, plainText, shortenTo } from './text.ts';

export const TRANSCRIPT = 'transcript.write';
export const INSIGHTS = 'insights.write';

/** Speech as fast as 210 words a minute fits, with the headroom of prompts. */
const WORDS_PER_SECOND = 2.5;
/** Longer recordings are read in pieces, so that models with small context windows can read them too. */
const PIECE_SECONDS = 300;
const MAX_PIECES = 24;
/** Of the notes of all pieces, and at least of each. */
const NOTES_WORDS = 440;
const MIN_NOTES_WORDS = 40;
const INSIGHTS_WORDS = 400;
const MAX_TITLE = 120;
const MAX_HEADING = 70;

/** Whether content is written from insights, instead of from the text of its source. */
export function readsInsights({
  recording_id: recording,
  content_types: types,
}: Pick<GenerateRequest, 'recording_id' | 'content_types'>): boolean {
  return (
    types.includes('insights') || (recording !== undefined && types.some((type) => type !== 'transcript'))
  );
}

/** What everything else is written from. */
export const INSIGHTS_INPUT: StepInput = { from: INSIGHTS, label: 'insights', words: INSIGHTS_WORDS * 1.3 };

/** The part that a step belongs to: its own if that is asked for, else the first. */
function partOf(brief: ContentBrief, own: 'transcript' | 'insights'): Pick<ContentStep, 'part' | 'counts'> {
  const parts = partsOf(brief.request);
  return parts.includes(own)
    ? { part: own, counts: { [`gen.${own}`]: 1 } }
    : { part: (parts.find((part) => part !== 'transcript') ?? 'blog') as Part, counts: {} };
}

/** The steps that come before everything else. */
export function recordingSteps(brief: ContentBrief): ContentStep[] {
  const { recording } = brief.inputs;
  return [
    ...(recording === undefined ? [] : [transcriptStep(brief, recording.seconds)]),
    ...(readsInsights(brief.request) ? insightSteps(brief) : []),
  ];
}

function transcriptStep(brief: ContentBrief, seconds: number): ContentStep {
  return {
    ...partOf(brief, 'transcript'),
    key: TRANSCRIPT,
    role: 'fast',
    template: 'transcript.write@1',
    message: 'transcript',
    task: '',
    inputs: [],
    spec: { kind: 'transcription', seconds },
    words: Math.round(seconds * WORDS_PER_SECOND),
    hasSpare: false,
  };
}

function insightSteps(brief: ContentBrief): ContentStep[] {
  const seconds = brief.inputs.recording?.seconds;
  const source: StepInput = { from: SOURCE, label: 'transcript', words: 0 };
  if (seconds === undefined) return [insightsStep(brief, [source])];
  const count = Math.min(MAX_PIECES, Math.ceil(seconds / PIECE_SECONDS));
  const words = Math.ceil((seconds / count) * WORDS_PER_SECOND) + 30;
  const piece = (index: number): StepInput => ({
    ...{ from: TRANSCRIPT, label: 'transcript', words },
    ...(count > 1 && { piece: { index, count } }),
  });
  if (count === 1) return [insightsStep(brief, [piece(0)])];
  const notesWords = Math.max(MIN_NOTES_WORDS, Math.round(NOTES_WORDS / count));
  const notes = Array.from({ length: count }, (_, index) =>
    notesStep(brief, index + 1, count, notesWords, piece(index)),
  );
  const inputs = notes.map(({ key }, index) => ({
    ...{ from: key, label: `notes ${index + 1}`, words: Math.round(notesWords * 1.2) },
  }));
  return [...notes, insightsStep(brief, inputs)];
}

function notesStep(
  brief: ContentBrief,
  number: number,
  count: number,
  words: number,
  input: StepInput,
): ContentStep {
  return {
    part: partOf(brief, 'insights').part,
    counts: {},
    key: `insights.notes.${number}`,
    role: 'fast',
    template: 'insights.notes@2',
    message: 'notes',
    number,
    task: `Take notes of piece ${number} of ${count} of a transcript, as a list of at most ${words} words: what is claimed, with names, figures and examples, what is decided or disputed, and one short sentence word for word that is worth quoting. Leave out small talk and repetitions. Answer with the list only.`,
    inputs: [input],
    spec: { kind: 'markdown', minWords: 5, minHeadings: 0 },
    words,
    hasSpare: false,
  };
}

const insights = z.object({
  title: z.string(),
  summary: z.string(),
  insights: z.array(z.object({ point: z.string(), detail: z.string() })),
  quotes: z.array(z.string()),
  questions: z.array(z.string()),
});
type Insights = z.infer<typeof insights>;

function insightsStep(brief: ContentBrief, inputs: readonly StepInput[]): ContentStep {
  const from = inputs.length > 1 ? 'the notes of a transcript' : 'a transcript';
  return {
    ...partOf(brief, 'insights'),
    key: INSIGHTS,
    role: 'writer',
    template: 'insights.write@2',
    message: 'insights',
    task: `Extract what is worth publishing from ${from}: a title of at most ${MAX_HEADING} characters, a summary of two or three sentences, five to eight insights, the most useful to those who were not there first, each a point that states something ("Ink dries slower on coated paper", not "Drying times") and a detail with the figures, names and examples that support it, one to four sentences worth quoting, word for word, and two to four questions that it leaves open. Add nothing that is not said. What is spoken is often unfinished: write whole sentences.`,
    inputs,
    spec: INSIGHTS_SPEC,
    words: INSIGHTS_WORDS,
    hasSpare: brief.hasSpares,
  };
}

const INSIGHTS_SPEC: JsonSpec = {
  kind: 'json',
  name: 'insights',
  schema: insights,
  problems: ({ title, summary, insights: list }: Insights) => [
    ...(title.trim() === '' ? ['The title is empty.'] : []),
    ...(summary.trim() === '' ? ['The summary is empty.'] : []),
    ...(list.length > 0 ? [] : ['There is no insight.']),
  ],
  fit: (value: Insights) => ({ ...value, title: shortenTo(plainText(value.title), MAX_TITLE) }),
};

export const transcriptPipeline: ContentPipeline = {
  // Its step is one of the whole job.
  steps: () => [],
  assemble: ({ request, inputs }, outputs) => {
    const text = markdownOf(outputs, TRANSCRIPT);
    const title = request.topic ?? shortenTo(text, MAX_HEADING);
    const seconds = inputs.recording?.seconds ?? 0;
    return {
      title,
      content: { title, text, words: countWords(text), seconds, recording_id: inputs.recording?.id },
      markdown: `# ${title}\n\n${inParagraphs(text)}\n`,
    };
  },
};

export const insightsPipeline: ContentPipeline = {
  // Its steps are among those of the whole job.
  steps: () => [],
  assemble: (_brief, outputs) => {
    const { title, summary, insights: list, quotes, questions } = jsonOf<Insights>(outputs, INSIGHTS);
    const blocks = [
      `# ${title}`,
      summary,
      list.map(({ point, detail }) => `- **${point}** ${detail}`).join('\n'),
      ...quotes.map((quote) => `> ${quote}`),
      questions.map((question) => `- ${question}`).join('\n'),
    ];
    return {
      title,
      content: { title, summary, insights: list, quotes, questions },
      markdown: `${blocks.filter(Boolean).join('\n\n')}\n`,
    };
  },
};

/** The title of the insights, once they are known. */
export function insightsTitle(outputs: StepOutputs): string | undefined {
  return outputs.has(INSIGHTS) ? jsonOf<Insights>(outputs, INSIGHTS).title : undefined;
}

const SENTENCES_PER_PARAGRAPH = 5;

/** Speech has no paragraphs. */
function inParagraphs(text: string): string {
  const sentences = text.split(/(?<=[.!?…。！？])\s+/u);
  const paragraphs = Array.from(
    { length: Math.ceil(sentences.length / SENTENCES_PER_PARAGRAPH) },
    (_, index) =>
      sentences.slice(index * SENTENCES_PER_PARAGRAPH, (index + 1) * SENTENCES_PER_PARAGRAPH).join(' '),
  );
  return paragraphs.join('\n\n');
}

/** One of several pieces of a text, cut between words. */
export function pieceOf(text: string, { index, count }: { index: number; count: number }): string {
  const boundary = (at: number) => {
    if (at >= text.length) return text.length;
    const space = text.indexOf(' ', at);
    return at === 0 || space < 0 ? at : space;
  };
  const part = Math.ceil(text.length / count);
  return text.slice(boundary(index * part), boundary((index + 1) * part)).trim();
}
