/** Objects that steps of content pipelines ask for. */
import { adsOf, replies } from './ads-and-replies.ts';
import { fencedTexts, fencedTopic } from './fenced-texts.ts';
import { isObject, objectOr } from './json.ts';
import { languageFor, type Wording, wordingOf } from './wording.ts';

/** The object that a step asks for, recognised by its fields; undefined for another schema. */
export function writeObject(
  schema: Readonly<Record<string, unknown>>,
  prompt: string,
  isWrong = false,
): object | undefined {
  const fields = Object.keys(objectOr(schema.properties)).sort();
  const compose = OBJECTS[fields.filter((field) => field !== 'alternatives').join(' ')];
  const topic = fencedTopic(prompt);
  if (topic === undefined) return undefined;
  const wording = wordingOf(topic, languageFor(prompt, isWrong));
  if (compose !== undefined && fields.includes('alternatives'))
    return { ...compose(wording, prompt), alternatives: alternatives(wording, prompt) };
  if (fields.includes('replies')) return replies(fencedTexts(prompt), wording);
  const ads = adsOf(schema, wording);
  if (ads !== undefined) return ads;
  if (fields.join() === 'versions') return postVersions(schema, wording, prompt);
  if (compose !== undefined) return compose(wording, prompt);
  return posts(schema, wording);
}

function alternatives({ phrases, fill }: Wording, prompt: string): string[] {
  return phrases.titleTemplates.slice(1, 1 + numberIn(prompt, /Give (\d+) alternative/, 1)).map(fill);
}

function postVersions(schema: Readonly<Record<string, unknown>>, wording: Wording, prompt: string): object {
  const list = objectOr(objectOr(schema.properties).versions);
  const count = numberIn(prompt, /Write (\d+) versions/, 2);
  return { versions: Array.from({ length: count }, () => posts(objectOr(list.items), wording)) };
}

/** A post for each network of a schema; undefined for another schema. */
function posts(schema: Readonly<Record<string, unknown>>, wording: Wording): object | undefined {
  const networks = Object.entries(objectOr(schema.properties));
  const arePosts = networks.every(([, node]) => isObject(objectOr(objectOr(node).properties).hashtags));
  if (!arePosts || networks.length === 0) return undefined;
  const { topic, language } = wording;
  const postOf = (network: string) => socialPost(wordingOf(topic, language), network);
  return Object.fromEntries(networks.map(([network]) => [network, postOf(network)]));
}

type Compose = (wording: Wording, prompt: string) => object;

const OBJECTS: Readonly<Record<string, Compose>> = {
  'sections title': ({ phrases: { sections, titleTemplates }, fill, line }, prompt) => ({
    title: fill(titleTemplates[0] as string),
    sections: Array.from({ length: numberIn(prompt, /exactly (\d+) sections/, 3) }, (_, index) => ({
      heading: numbered(
        fill(sections[index % sections.length]?.heading ?? ''),
        index,
        sections.length,
        line('part'),
      ),
      points: (sections[index % sections.length]?.sentences ?? []).slice(0, 3).map(fill),
    })),
  }),
  'keywords meta_description': ({ phrases: { keywordWords }, topic, line }) => ({
    meta_description: line('description').slice(0, 155),
    keywords: [topic, `${topic} ${keywordWords[0]}`, `${topic} ${keywordWords.at(-1)}`].map((one) =>
      one.toLowerCase(),
    ),
  }),
  'call_to_action hook segments title': ({ line, sentences, start }, prompt) => {
    const words = numberIn(prompt, /(\d+) words in all/, 75);
    const direction = prompt.includes('what is seen') ? 'visual' : 'cue';
    const texts = sentences(0, Math.max(20, words - 35)).split('\n\n');
    return {
      title: line('scriptTitle'),
      hook: line('hook'),
      segments: texts.map((text, index) => ({
        text: start(text, Math.ceil((words - 20) / texts.length)),
        [direction]: index === 0 ? line('visual') : line('pause'),
      })),
      call_to_action: line('scriptAction'),
    };
  },
  'call_to_action greeting preheader sections subject': (
    { phrases: { sections }, fill, line, sentences },
    prompt,
  ) => ({
    subject: line('subject').slice(0, 60),
    preheader: line('preheader'),
    greeting: line('greeting'),
    sections: [0, 1, 2].map((index) => ({
      heading: fill(sections[index]?.heading ?? ''),
      body: sentences(index, Math.ceil(numberIn(prompt, /about (\d+) words/, 300) / 3)),
    })),
    call_to_action: line('newsletterAction'),
  }),
  'clusters meta_description primary_keyword questions recommendations titles': ({
    phrases,
    topic,
    fill,
    line,
  }) => ({
    primary_keyword: topic.toLowerCase(),
    clusters: phrases.clusters.map((name, index) => ({
      name,
      intent: ['informational', 'commercial', 'transactional'][index],
      keywords: phrases.keywordWords.slice(0, 4).map((word) => `${topic} ${name} ${word}`.toLowerCase()),
    })),
    titles: phrases.titleTemplates.slice(0, 3).map(fill),
    meta_description: line('summaryThisWeek'),
    questions: phrases.openQuestions.slice(0, 3).map(fill),
    recommendations: phrases.checklistItems.slice(0, 3).map(fill),
  }),
  'entries goal': ({ phrases: { titleTemplates, findings }, topic, fill, line }, prompt) => {
    const count = numberIn(prompt, /exactly (\d+) entries/, 10);
    const days = numberIn(prompt, /next (\d+) days/, 30);
    const channels = ['blog', 'linkedin', 'newsletter', 'x'];
    return {
      goal: line('goal'),
      entries: Array.from({ length: count }, (_, index) => ({
        day: 1 + Math.floor((index * (days - 1)) / Math.max(1, count - 1)),
        channel: channels[index % channels.length],
        title: numbered(
          fill(titleTemplates[index % titleTemplates.length] as string),
          index,
          titleTemplates.length,
          line('part'),
        ),
        angle: fill(findings[index % findings.length] as string),
        keyword: topic.toLowerCase(),
      })),
    };
  },
  'insights questions quotes summary title': ({ phrases, fill, sentences }) => ({
    title: fill(phrases.titleTemplates[0] as string).slice(0, 70),
    summary: sentences(0, 30),
    insights: phrases.sections.slice(0, 5).map(({ heading, sentences: [first = ''] }) => ({
      point: fill(heading),
      detail: fill(first),
    })),
    quotes: phrases.findings.slice(0, 2).map(fill),
    questions: phrases.openQuestions.slice(0, 2).map(fill),
  }),
  prompts: ({ fill, line }) => ({
    prompts: (['hero', 'section', 'social', 'thumbnail'] as const).map((use, index) => ({
      use,
      prompt: fill(
        '{topic} on a wooden desk by a window, morning light from the left, shallow depth of field, muted colours',
      ),
      alt_text: line('altText'),
      aspect_ratio: ['3:2', '16:9', '1:1', '16:9'][index],
    })),
  }),
};

/** A second use of a template gets a number, so that no two titles are equal. */
function numbered(text: string, index: number, length: number, part: string): string {
  return index < length ? text : `${text}${part.replace('#', String(Math.floor(index / length) + 1))}`;
}

function numberIn(prompt: string, pattern: RegExp, otherwise: number): number {
  return Number(pattern.exec(prompt)?.[1] ?? otherwise);
}

function socialPost({ phrases, topic, fill, sentences }: Wording, network: string) {
  const tags = topic
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word.length > 2)
    .map((word) => `#${word}`);
  const hashtags = [...tags, ...phrases.tags].slice(0, 3);
  const [first = '', second = ''] = phrases.shortPosts;
  if (network === 'x') return { text: fill(first).slice(0, 200), hashtags: hashtags.slice(0, 2) };
  if (network === 'threads') return { text: fill(second), hashtags: hashtags.slice(0, 1) };
  const words = network === 'linkedin' ? 170 : 40;
  return { text: `${fill(phrases.linkedinPosts[0] as string)}\n\n${sentences(0, words)}`, hashtags };
}
