/** What each step of the content pipelines asks a model for. Pure text: the same request gives the same prompts. */
import type { GenerateRequest } from '#libs/contracts/generate.ts';

export const CONTENT_STEPS = ['research', 'write', 'edit', 'social'] as const;
export type ContentStep = (typeof CONTENT_STEPS)[number];

/** What came out of the steps before. */
export type StepResults = Partial<Record<ContentStep, string>>;

export type StepPrompt = { system: string; user: string };

const SYSTEM: Readonly<Record<ContentStep, string>> = {
  research: 'You are a careful researcher. You collect facts, angles and open questions, briefly.',
  write: 'You are an experienced writer. You write clear, lively articles in Markdown.',
  edit: 'You are a meticulous editor. You improve flow, cut filler, and keep every fact and heading.',
  social: 'You are a social media editor. You turn articles into posts that people finish reading.',
};

function manner({ tone, audience, language }: GenerateRequest): string {
  return [
    `Language: ${language ?? 'English'}.`,
    tone === undefined ? '' : `Tone: ${tone}.`,
    audience === undefined ? '' : `Audience: ${audience}.`,
  ]
    .filter((line) => line !== '')
    .join(' ');
}

const BUILDERS: Readonly<Record<ContentStep, (request: GenerateRequest, results: StepResults) => string>> = {
  research: (request) =>
    [
      `Research notes for a blog article about: ${request.topic}`,
      'List the key facts, three to five angles worth a section each, and what readers usually get wrong.',
      manner(request),
    ].join('\n'),
  write: (request, { research = '' }) =>
    [
      `Write a blog article about: ${request.topic}`,
      'At least 500 words: a title, an introduction, three to five sections with headings, and a conclusion.',
      manner(request),
      'Research notes:',
      research,
    ].join('\n'),
  edit: (request, { write = '' }) =>
    [
      `Edit this draft of a blog article about: ${request.topic}`,
      'Answer with the complete edited article in Markdown and nothing else.',
      manner(request),
      'Draft:',
      write,
    ].join('\n'),
  social: (request, { edit = '' }) =>
    [
      `Write social media posts from this article about: ${request.topic}`,
      'First a LinkedIn post of 200 to 300 words, then an X post of fewer than 280 characters.',
      'Each ends with a call to action and 3 to 5 hashtags.',
      manner(request),
      'Article:',
      edit,
    ].join('\n'),
};

export function stepPrompt(step: ContentStep, request: GenerateRequest, results: StepResults): StepPrompt {
  return { system: SYSTEM[step], user: BUILDERS[step](request, results) };
}
