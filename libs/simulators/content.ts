/** Answers to the prompts of content pipelines: sections and edits that read like real ones. */
import { countWords, plainText } from '#libs/pipelines/content/text.ts';
import { otherLanguageOf } from '#libs/pipelines/content/written-language.ts';
import { writeObject } from './content-objects.ts';
import { fencedTexts, fencedTopic, parsed } from './fenced-texts.ts';
import { describePicture } from './image-texts.ts';
import { objectsOf } from './json.ts';
import { languageFor, type Wording, wordingOf } from './wording.ts';

/** The Markdown that a step of an article asks for; undefined for another prompt. */
export function writeStep(prompt: string, isWrong = false): string | undefined {
  const schema = /^Answer with JSON of this schema and nothing else:\n(.+)$/m.exec(prompt)?.[1];
  if (schema !== undefined) return JSON.stringify(writeObject(parsed(schema), prompt, isWrong) ?? {});
  const description = describePicture(prompt);
  if (description !== undefined) return description;
  const wording = wordingOf(fencedTopic(prompt) ?? 'this topic', languageFor(prompt, isWrong));
  const rewritten = /^Rewrite the section below of the article below: about (\d+) words/.exec(prompt);
  if (rewritten !== null) return rewrittenSection(wording, prompt, Number(rewritten[1]));
  const section = /^Write section (\d+) of \d+ of the outlined article: about (\d+) words/.exec(prompt);
  if (section !== null) return sectionText(wording, prompt, Number(section[1]), Number(section[2]));
  if (/^Take notes of piece/.test(prompt)) return notes(wording);
  if (/^Edit the sections below into one article/.test(prompt)) return editedArticle(wording, prompt);
  if (/^For search engines, as Markdown lists/.test(prompt)) return searchLists(wording);
  const short = /^Write a blog article of about (\d+) words in Markdown/.exec(prompt);
  return short === null ? undefined : cited(shortArticle(wording, Number(short[1])), prompt, 1);
}

function notes({ phrases, fill }: Wording): string {
  return phrases.checklistItems.map((item) => `- ${fill(item)}`).join('\n');
}

function sectionText(wording: Wording, prompt: string, number: number, words: number): string {
  const { phrases, fill, line, sentences } = wording;
  const outline = parsed(fencedTexts(prompt).get('outline'));
  const own = objectsOf(outline.sections)[number - 1];
  const template = phrases.sections[(number - 1) % phrases.sections.length];
  const heading =
    typeof own?.heading === 'string' ? own.heading : template ? fill(template.heading) : line('section');
  return `## ${heading}\n\n${cited(sentences(number - 1, words), prompt, number)}`;
}

function rewrittenSection({ line, sentences }: Wording, prompt: string, words: number): string {
  const heading = /^##\s+(.+)$/m.exec(fencedTexts(prompt).get('section') ?? '')?.[1] ?? line('section');
  return `## ${heading}\n\n${sentences(3, words)}`;
}

/** The text with the id of one of the prompt's sources after its first sentence. */
function cited(text: string, prompt: string, turn: number): string {
  const ids = [...fencedTexts(prompt).keys()].flatMap((label) => /^source (S\d+)\b/.exec(label)?.[1] ?? []);
  const id = ids[turn % Math.max(1, ids.length)];
  return id === undefined ? text : text.replace(/[.!?。]/, ` [${id}]$&`);
}

/** Speech about a topic, without paragraphs. */
export function speech(topic: string, words: number, language = 'en'): string {
  return wordingOf(topic, language).sentences(0, words).replaceAll('\n\n', ' ');
}

/** The end of an answer that was cut. */
export function writeContinuation(prompt: string, isWrong: boolean): string {
  const { sentences } = wordingOf(fencedTopic(prompt) ?? 'this topic', languageFor(prompt, isWrong));
  return `\n\n${sentences(2, 60)}`;
}

/** A section in another language is written anew. */
function editedArticle(wording: Wording, prompt: string): string {
  const { phrases, fill, line, language } = wording;
  const texts = [...fencedTexts(prompt)].filter(([label]) => label.startsWith('section '));
  const edited = texts.map(([, text], index) =>
    otherLanguageOf(text, language) === undefined
      ? text
      : sectionText(wording, prompt, index + 1, countWords(plainText(text))),
  );
  return [
    fill(phrases.introductions[0] as string),
    ...edited,
    `## ${line('conclusion')}\n\n${fill(phrases.conclusions[0] as string)}`,
  ].join('\n\n');
}

function searchLists({ phrases, topic, fill, line }: Wording): string {
  const keywords = phrases.keywordWords.slice(0, 5).map((word) => `- ${topic} ${word}`);
  const titles = phrases.titleTemplates.slice(0, 3).map((title) => `- ${fill(title)}`);
  return `## ${line('keywords')}\n\n${keywords.join('\n')}\n\n## ${line('titles')}\n\n${titles.join('\n')}\n\n## ${line('metaDescription')}\n\n- ${line('summary')}`;
}

function shortArticle({ phrases, fill, line, sentences }: Wording, words: number): string {
  const [first, second] = phrases.sections;
  const part = Math.floor((words - 60) / 2);
  return [
    `# ${fill(phrases.titleTemplates[0] as string)}`,
    line('opening'),
    `## ${fill(first?.heading ?? '')}\n\n${sentences(0, part)}`,
    `## ${fill(second?.heading ?? '')}\n\n${sentences(1, part)}`,
    line('closing'),
  ].join('\n\n');
}
