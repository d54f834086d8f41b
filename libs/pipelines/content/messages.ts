/** Texts of our own in the language of the content: what a step does, and the labels of documents. */
import { LABEL_TEXTS } from './label-texts.ts';
import { STEP_TEXTS } from './step-texts.ts';

export const MESSAGE_KEYS = [
  'outline',
  'section',
  'edit',
  'metadata',
  'write',
  'social',
  'audio',
  'video',
  'newsletter',
  'seo',
  'content_plan',
  'image_prompts',
  'research',
  'rewrite',
  'hero_image',
  'alt_text',
  'voice_over',
  'transcript',
  'notes',
  'insights',
  'ads',
  'reply',
] as const;
export type MessageKey = (typeof MESSAGE_KEYS)[number];

export const LABELS = [
  ...['day', 'channel', 'title', 'angle', 'keyword', 'keywords', 'titles', 'meta_description', 'questions'],
  ...['recommendations', 'checks', 'readability', 'article', 'posts', 'image_prompts', 'insights'],
  ...['transcript', 'content_plan', 'sources', 'title_length', 'keyword_in_title', 'keyword_in_opening'],
  ...['keyword_density', 'headings', 'words', 'links', 'sentences', 'words_per_sentence', 'long_sentences'],
  ...['reading_ease', 'hero', 'section', 'social', 'thumbnail', 'informational', 'commercial'],
  ...['transactional', 'navigational'],
] as const;
export type Label = (typeof LABELS)[number];

const MESSAGES = byLanguage(STEP_TEXTS);
const LABELS_OF = byLanguage(LABEL_TEXTS);

function byLanguage(texts: Readonly<Record<string, string>>): ReadonlyMap<string, readonly string[]> {
  return new Map(Object.entries(texts).map(([language, text]) => [language, text.split('|')]));
}

/** The text at a position; in English for a language without texts. */
function textIn(texts: ReadonlyMap<string, readonly string[]>, language: string, position: number): string {
  return (texts.get(language) ?? texts.get('en'))?.[position] ?? '';
}

export function labelOf(label: Label, language: string): string {
  return textIn(LABELS_OF, language, LABELS.indexOf(label));
}

/** The message of a step. */
export function stepMessage(key: MessageKey, language: string, number?: number): string {
  const text = textIn(MESSAGES, language, MESSAGE_KEYS.indexOf(key));
  return number === undefined ? text : text.replace('#', String(number));
}
