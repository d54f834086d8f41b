/** The prompts of a content pipeline. Pure: the same request and text give the same prompt. */
import type { ChatMessage } from '#libs/contracts/chat-completions.ts';
import type { GenerateRequest } from '#libs/contracts/generate.ts';

export const CONTENT_STEPS = ['research', 'write', 'edit', 'social'] as const;
export type ContentStep = (typeof CONTENT_STEPS)[number];

type Brief = Pick<GenerateRequest, 'topic' | 'tone' | 'audience' | 'language'>;

const ROLES: Readonly<Record<ContentStep, string>> = {
  research: 'You are a careful researcher. You state only what you are sure of and mark what is open.',
  write: 'You are an experienced writer. You write clearly, concretely and without filler.',
  edit: 'You are a meticulous editor. You answer with the finished text and nothing else.',
  social: 'You are a social media editor. You answer with the posts and nothing else.',
};

const TASKS: Readonly<Record<ContentStep, (topic: string) => string>> = {
  research: (topic) =>
    `Research notes wanted on “${topic}”. List the key facts, the points readers disagree on, useful examples and ` +
    'open questions, as short bullet points.',
  write: (topic) =>
    `Write a blog article about “${topic}”, 500 to 800 words, in Markdown. Give it a title, an introduction, three ` +
    'to five sections with headings, and a conclusion. Rely on the notes below where there are any.',
  edit: (topic) =>
    `Edit the text below on “${topic}” for publication. Correct errors, tighten sentences, keep its structure, its ` +
    'Markdown and about its length.',
  social: (topic) =>
    `LinkedIn and X posts wanted about “${topic}”, made from the text below. The LinkedIn post has 200 to 300 words, ` +
    'the X post fewer than 280 characters; each ends with a call to action and three to five hashtags. Put them ' +
    'under the headings “## LinkedIn” and “## X”.',
};

/** The heading of the previous step's text in a prompt. */
const LABELS: Readonly<Record<ContentStep, string>> = {
  research: 'Notes',
  write: 'Notes',
  edit: 'Draft',
  social: 'Article',
};

/** The prompt of a step. @param carried the previous step's text; empty for the first step. */
export function stepMessages(step: ContentStep, brief: Brief, carried: string): ChatMessage[] {
  const wishes = [
    brief.tone && `Tone: ${brief.tone}.`,
    brief.audience && `Readers: ${brief.audience}.`,
    `Language: ${brief.language ?? 'English'}.`,
  ].filter(Boolean);
  const task = `${TASKS[step](brief.topic)}\n${wishes.join(' ')}`;
  return [
    { role: 'system', content: ROLES[step] },
    { role: 'user', content: carried === '' ? task : `${task}\n\n${LABELS[step]}:\n\n${carried}` },
  ];
}
