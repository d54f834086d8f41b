/** Answers to the prompts of content pipelines: sections, edits and objects that read like real ones. */
import { adsOf, replies } from './ads-and-replies.ts';
import { isObject, objectOr, objectsOf } from './json.ts';
import {
  checklistItems,
  concerns,
  conclusions,
  findings,
  introductions,
  linkedinPosts,
  openQuestions,
  sections,
  shortPosts,
  titleTemplates,
} from './phrases.ts';

const FENCE = /<untrusted id="[^"]*" label="([^"]*)">\n([\s\S]*?)\n<\/untrusted id=/g;

/** The fenced texts of a prompt by their label. */
function fencedTexts(prompt: string): Map<string, string> {
  return new Map([...prompt.matchAll(FENCE)].map(([, label = '', text = '']) => [label, text]));
}

/** The subject of a prompt with fenced texts, in a few words; undefined for another prompt. */
export function fencedTopic(prompt: string): string | undefined {
  const texts = fencedTexts(prompt);
  const written =
    texts.get('article') ??
    texts.get('text') ??
    texts.get('message') ??
    texts.get('transcript') ??
    texts.get('notes 1');
  const planned = parsed(texts.get('outline') ?? texts.get('insights'));
  const text = texts.get('topic') ?? titleIn(written) ?? titleOf(planned);
  return text
    ?.replace(/\[\[simulate:[^\]]*\]\]/g, '')
    .trim()
    .split(/\s+/)
    .slice(0, 8)
    .join(' ');
}

function titleOf({ title }: Readonly<Record<string, unknown>>): string | undefined {
  return typeof title === 'string' ? title : undefined;
}

function titleIn(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  return (/^#+\s+(.+)$/m.exec(text)?.[1] ?? text.split(/[.\n]/, 1)[0])?.trim();
}

/** The Markdown that a step of an article asks for; undefined for another prompt. */
export function writeStep(prompt: string): string | undefined {
  const schema = /^Answer with JSON of this schema and nothing else:\n(.+)$/m.exec(prompt)?.[1];
  if (schema !== undefined) return JSON.stringify(writeObject(parsed(schema), prompt) ?? {});
  const topic = fencedTopic(prompt) ?? 'this topic';
  const fill = filler(topic);
  const rewritten = /^Rewrite the section below of the article below: about (\d+) words/.exec(prompt);
  if (rewritten !== null) return rewrittenSection(fill, prompt, Number(rewritten[1]));
  const section = /^Write section (\d+) of \d+ of the outlined article: about (\d+) words/.exec(prompt);
  if (section !== null) return sectionText(fill, prompt, Number(section[1]), Number(section[2]));
  if (/^Take notes of piece/.test(prompt)) return checklistItems.map((item) => `- ${fill(item)}`).join('\n');
  if (/^Edit the sections below into one article/.test(prompt)) return editedArticle(fill, prompt);
  if (/^For search engines, as Markdown lists/.test(prompt)) return searchLists(fill, topic);
  const short = /^Write a blog article of about (\d+) words in Markdown/.exec(prompt);
  return short === null ? undefined : cited(shortArticle(fill, Number(short[1])), prompt, 1);
}

type Fill = (template: string) => string;

function filler(topic: string): Fill {
  let turn = topic.length;
  return (template) => {
    const filled = template
      .replaceAll('{topic}', topic)
      .replaceAll('{focus}', () => concerns[turn++ % concerns.length] as string);
    return filled.charAt(0).toUpperCase() + filled.slice(1);
  };
}

function sectionText(fill: Fill, prompt: string, number: number, words: number): string {
  const outline = parsed(fencedTexts(prompt).get('outline'));
  const own = objectsOf(outline.sections)[number - 1];
  const template = sections[(number - 1) % sections.length] ?? sections[0];
  const heading = typeof own?.heading === 'string' ? own.heading : fill(template?.heading ?? 'Section');
  return `## ${heading}\n\n${cited(sentencesOf(fill, number - 1, words), prompt, number)}`;
}

function rewrittenSection(fill: Fill, prompt: string, words: number): string {
  const heading = /^##\s+(.+)$/m.exec(fencedTexts(prompt).get('section') ?? '')?.[1] ?? 'Section';
  return `## ${heading}\n\n${sentencesOf(fill, 3, words)}`;
}

/** The text with the id of one of the prompt's sources after its first sentence. */
function cited(text: string, prompt: string, turn: number): string {
  const ids = [...fencedTexts(prompt).keys()].flatMap((label) => /^source (S\d+)\b/.exec(label)?.[1] ?? []);
  const id = ids[turn % Math.max(1, ids.length)];
  return id === undefined ? text : text.replace(/[.!?]/, ` [${id}]$&`);
}

/** Sentences from a place on, until there are enough words, in paragraphs of three. */
function sentencesOf(fill: Fill, start: number, words: number): string {
  const all = [...sections.slice(start % sections.length), ...sections].flatMap(({ sentences }) => sentences);
  const paragraphs: string[][] = [[]];
  let count = 0;
  for (const sentence of all) {
    if (count >= words) break;
    const text = fill(sentence);
    count += text.split(/\s+/).length;
    if ((paragraphs.at(-1) as string[]).length === 3) paragraphs.push([]);
    (paragraphs.at(-1) as string[]).push(text);
  }
  return paragraphs.map((list) => list.join(' ')).join('\n\n');
}

/** Speech about a topic, without paragraphs. */
export function speech(topic: string, words: number): string {
  return sentencesOf(filler(topic), 0, words).replaceAll('\n\n', ' ');
}

function editedArticle(fill: Fill, prompt: string): string {
  const texts = [...fencedTexts(prompt)].filter(([label]) => label.startsWith('section '));
  return [
    fill(introductions[0]),
    ...texts.map(([, text]) => text),
    `## Conclusion\n\n${fill(conclusions[0])}`,
  ].join('\n\n');
}

function searchLists(fill: Fill, topic: string): string {
  const keywords = ['guide', 'checklist', 'examples', 'mistakes', 'cost'].map((word) => `- ${topic} ${word}`);
  const titles = titleTemplates.slice(0, 3).map((title) => `- ${fill(title)}`);
  return `## Keywords\n\n${keywords.join('\n')}\n\n## Titles\n\n${titles.join('\n')}\n\n## Meta description\n\n- ${fill('{topic}: what works, what it costs, and how to begin.')}`;
}

function shortArticle(fill: Fill, words: number): string {
  const [first, second] = sections;
  const part = Math.floor((words - 60) / 2);
  return [
    `# ${fill(titleTemplates[0])}`,
    fill('{topic} rewards those who begin with a clear question and change one thing at a time.'),
    `## ${fill(first?.heading ?? '')}\n\n${sentencesOf(fill, 0, part)}`,
    `## ${fill(second?.heading ?? '')}\n\n${sentencesOf(fill, 1, part)}`,
    fill('Begin with one page about {topic} today, and look at it again in a month.'),
  ].join('\n\n');
}

/** The object that a step asks for, recognised by its fields; undefined for another schema. */
export function writeObject(schema: Readonly<Record<string, unknown>>, prompt: string): object | undefined {
  const fields = Object.keys(objectOr(schema.properties)).sort();
  const compose = OBJECTS[fields.filter((field) => field !== 'alternatives').join(' ')];
  const topic = fencedTopic(prompt);
  if (topic === undefined) return undefined;
  if (compose !== undefined && fields.includes('alternatives'))
    return { ...compose(filler(topic), topic, prompt), alternatives: alternatives(filler(topic), prompt) };
  if (fields.includes('replies')) return replies(fencedTexts(prompt));
  const ads = adsOf(schema, topic);
  if (ads !== undefined) return ads;
  if (fields.join() === 'versions') return postVersions(schema, topic, prompt);
  if (compose !== undefined) return compose(filler(topic), topic, prompt);
  return posts(schema, topic);
}

function alternatives(fill: Fill, prompt: string): string[] {
  return titleTemplates.slice(1, 1 + numberIn(prompt, /Give (\d+) alternative/, 1)).map(fill);
}

function postVersions(schema: Readonly<Record<string, unknown>>, topic: string, prompt: string): object {
  const list = objectOr(objectOr(schema.properties).versions);
  const count = numberIn(prompt, /Write (\d+) versions/, 2);
  return { versions: Array.from({ length: count }, () => posts(objectOr(list.items), topic)) };
}

/** A post for each network of a schema; undefined for another schema. */
function posts(schema: Readonly<Record<string, unknown>>, topic: string): object | undefined {
  const networks = Object.entries(objectOr(schema.properties));
  const arePosts = networks.every(([, node]) => isObject(objectOr(objectOr(node).properties).hashtags));
  return arePosts && networks.length > 0
    ? Object.fromEntries(networks.map(([network]) => [network, socialPost(filler(topic), topic, network)]))
    : undefined;
}

type Compose = (fill: Fill, topic: string, prompt: string) => object;

const OBJECTS: Readonly<Record<string, Compose>> = {
  'sections title': (fill, _topic, prompt) => ({
    title: fill(titleTemplates[0]),
    sections: Array.from({ length: numberIn(prompt, /exactly (\d+) sections/, 3) }, (_, index) => ({
      heading: numbered(fill(sections[index % sections.length]?.heading ?? ''), index, sections.length),
      points: (sections[index % sections.length]?.sentences ?? []).slice(0, 3).map(fill),
    })),
  }),
  'keywords meta_description': (fill, topic) => ({
    meta_description: fill(
      '{topic}, explained without guesswork: where to begin, what it costs, and how to see early whether it works.',
    ).slice(0, 155),
    keywords: [topic.toLowerCase(), `${topic} guide`.toLowerCase(), `${topic} tips`.toLowerCase()],
  }),
  'call_to_action hook segments title': (fill, _topic, prompt) => {
    const words = numberIn(prompt, /(\d+) words in all/, 75);
    const direction = prompt.includes('what is seen') ? 'visual' : 'cue';
    const texts = sentencesOf(fill, 0, Math.max(20, words - 35)).split('\n\n');
    return {
      title: fill('{topic} in a minute'),
      hook: fill('Still guessing about {topic}? Here is what works.'),
      segments: texts.map((text, index) => ({
        text: text
          .split(/\s+/)
          .slice(0, Math.ceil((words - 20) / texts.length))
          .join(' '),
        [direction]: index === 0 ? 'Close-up, soft light' : 'Short pause',
      })),
      call_to_action: fill('Write down where you stand with {topic} today.'),
    };
  },
  'call_to_action greeting preheader sections subject': (fill, _topic, prompt) => ({
    subject: fill('{topic}: begin with one page').slice(0, 60),
    preheader: 'Four honest figures beat forty rough ones.',
    greeting: 'Hello,',
    sections: [0, 1, 2].map((index) => ({
      heading: fill(sections[index]?.heading ?? ''),
      body: sentencesOf(fill, index, Math.ceil(numberIn(prompt, /about (\d+) words/, 300) / 3)),
    })),
    call_to_action: fill('Reply with the one figure about {topic} that you would put on that page.'),
  }),
  'clusters meta_description primary_keyword questions recommendations titles': (fill, topic) => ({
    primary_keyword: topic.toLowerCase(),
    clusters: ['basics', 'costs', 'comparison'].map((name, index) => ({
      name,
      intent: ['informational', 'commercial', 'transactional'][index],
      keywords: ['guide', 'checklist', 'examples', 'mistakes'].map((word) =>
        `${topic} ${name} ${word}`.toLowerCase(),
      ),
    })),
    titles: titleTemplates.slice(0, 3).map(fill),
    meta_description: fill('{topic}: what works, what it costs, and how to begin this week.'),
    questions: openQuestions.slice(0, 3).map(fill),
    recommendations: checklistItems.slice(0, 3).map(fill),
  }),
  'entries goal': (fill, topic, prompt) => {
    const count = numberIn(prompt, /exactly (\d+) entries/, 10);
    const days = numberIn(prompt, /next (\d+) days/, 30);
    const channels = ['blog', 'linkedin', 'newsletter', 'x'];
    return {
      goal: fill('Readers choose a first step in {topic}.'),
      entries: Array.from({ length: count }, (_, index) => ({
        day: 1 + Math.floor((index * (days - 1)) / Math.max(1, count - 1)),
        channel: channels[index % channels.length],
        title: numbered(
          fill(titleTemplates[index % titleTemplates.length] as string),
          index,
          titleTemplates.length,
        ),
        angle: fill(findings[index % findings.length] as string),
        keyword: topic.toLowerCase(),
      })),
    };
  },
  'insights questions quotes summary title': (fill) => ({
    title: fill(titleTemplates[0]).slice(0, 70),
    summary: sentencesOf(fill, 0, 30),
    insights: sections.slice(0, 5).map(({ heading, sentences }) => ({
      point: fill(heading),
      detail: fill(sentences[0] ?? ''),
    })),
    quotes: findings.slice(0, 2).map(fill),
    questions: openQuestions.slice(0, 2).map(fill),
  }),
  prompts: (fill) => ({
    prompts: (['hero', 'section', 'social', 'thumbnail'] as const).map((use, index) => ({
      use,
      prompt: fill(
        '{topic} on a wooden desk by a window, morning light from the left, shallow depth of field, muted colours',
      ),
      alt_text: fill('A desk by a window with {topic}'),
      aspect_ratio: ['3:2', '16:9', '1:1', '16:9'][index],
    })),
  }),
};

/** A second use of a template gets a number, so that no two titles are equal. */
function numbered(text: string, index: number, length: number): string {
  return index < length ? text : `${text}, part ${Math.floor(index / length) + 1}`;
}

function numberIn(prompt: string, pattern: RegExp, otherwise: number): number {
  return Number(pattern.exec(prompt)?.[1] ?? otherwise);
}

function socialPost(fill: Fill, topic: string, network: string) {
  const tags = topic
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word.length > 2)
    .map((word) => `#${word}`);
  const hashtags = [...tags, '#ideas', '#work', '#learning'].slice(0, 3);
  if (network === 'x') return { text: fill(shortPosts[0]).slice(0, 200), hashtags: hashtags.slice(0, 2) };
  if (network === 'threads') return { text: fill(shortPosts[1]), hashtags: hashtags.slice(0, 1) };
  const words = network === 'linkedin' ? 170 : 40;
  return { text: `${fill(linkedinPosts[0])}\n\n${sentencesOf(fill, 0, words)}`, hashtags };
}

function parsed(json: string | undefined): Readonly<Record<string, unknown>> {
  try {
    return objectOr(JSON.parse(json ?? '{}'));
  } catch {
    return {};
  }
}
