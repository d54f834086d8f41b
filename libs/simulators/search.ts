/** Web search as Tavily, Serper, Exa and Firecrawl answer: stable pages for every query. */
import { type Answer, type Call, type Dialect, type Provider, Refusal } from './dialect.ts';
import { imageCall } from './images.ts';
import { objectOr, optionalInteger, optionalText } from './json.ts';
import { openAiDialect } from './openai.ts';
import { hashText } from './text.ts';

type SearchProvider = Extract<Provider, 'tavily' | 'serper' | 'exa' | 'firecrawl'>;
type Page = { url: string; title: string; summary: string; text: string };

/** Where each API takes the query and the number of results. */
const FIELDS: Readonly<Record<SearchProvider, { query: string; limit: string }>> = {
  tavily: { query: 'query', limit: 'max_results' },
  serper: { query: 'q', limit: 'num' },
  exa: { query: 'query', limit: 'numResults' },
  firecrawl: { query: 'query', limit: 'limit' },
};

const ANSWERS: Readonly<Record<SearchProvider, (query: string, pages: Page[]) => object>> = {
  tavily: (query, pages) => ({
    query,
    results: pages.map(({ url, title, summary, text }, rank) => ({
      url,
      title,
      content: summary,
      raw_content: text,
      score: 1 - rank / 20,
    })),
  }),
  serper: (q, pages) => ({
    searchParameters: { q, type: 'search' },
    organic: pages.map(({ url, title, summary }, rank) => ({
      title,
      link: url,
      snippet: summary,
      position: rank + 1,
    })),
    credits: 1,
  }),
  exa: (_, pages) => ({ results: pages.map(({ url, title, text }) => ({ id: url, url, title, text })) }),
  firecrawl: (_, pages) => ({
    success: true,
    data: {
      web: pages.map(({ url, title, summary, text }) => ({
        url,
        title,
        description: summary,
        markdown: text,
      })),
    },
  }),
};

export function searchDialect(provider: SearchProvider): Dialect {
  const openAi = openAiDialect('openai');
  return {
    ...openAi,
    provider,
    idPrefix: 'search_',
    credential: (target) => {
      const key = target.headers['x-api-key'];
      return typeof key === 'string' ? key : openAi.credential(target);
    },
    read: (body) => readSearch(objectOr(body), provider),
    writeAnswer: ({ call }: Answer) => {
      const { user } = call.prompt;
      return JSON.stringify(ANSWERS[provider](user, pagesAbout(user, Number(call.model))));
    },
    writeFrames: () => [],
  };
}

/** The number of results stands in for a model, which a search does not have. */
function readSearch(request: Readonly<Record<string, unknown>>, provider: SearchProvider): Call {
  const { query, limit } = FIELDS[provider];
  const user = optionalText(request[query]);
  if (!user) throw new Refusal(400, `Missing required parameter: '${query}'.`, { param: query });
  const results = optionalInteger(request[limit], limit, { max: 20 }) ?? 5;
  return imageCall({ model: String(results), user, images: 0, endUser: undefined });
}

const ASPECTS: readonly (readonly [string, string])[] = [
  [
    'An introduction',
    'The subject rewards a slow start: learn the terms first, then compare two examples side by side.',
  ],
  ['How it works', 'A few parts do all the work, and each of them fails in its own recognisable way.'],
  [
    'Common mistakes',
    'Most problems come from haste: skipped cleaning, wrong materials, and no notes of what changed.',
  ],
  [
    'What it costs',
    'A careful beginner spends less than 50 USD in the first year, a collector ten times as much.',
  ],
  [
    'A short history',
    'The modern form dates from 1884; it has changed little since, although its materials have.',
  ],
  [
    'A comparison',
    'Three common choices differ by price, upkeep and lifetime; none is the best in all three.',
  ],
  ['Questions and answers', 'Readers ask most often how to begin, what to buy first, and when to stop.'],
  ['Care and upkeep', 'Ten minutes a month prevent nearly every repair that workshops see.'],
  ['Numbers and sources', 'A survey of 1,200 owners found that 62 percent use it daily and 9 percent never.'],
  ['A dissenting view', 'Not everybody agrees: critics call it impractical, and say so with good arguments.'],
];

/** A query may say which of its pages has a word that moderation flags. */
const FLAGGED = /\[\[flagged page: (\d+)\]\]/;

/** The same pages for the same query, whichever provider is asked. */
function pagesAbout(query: string, count: number): Page[] {
  const flagged = Number(FLAGGED.exec(query)?.[1]);
  const topic = query
    .replace(/\[\[simulate:[^\]]*\]\]/g, '')
    .replace(FLAGGED, '')
    .trim();
  const slug =
    topic
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu)
      ?.slice(0, 8)
      .join('-') ?? 'page';
  const start = hashText(topic) % ASPECTS.length;
  return Array.from({ length: Math.min(count, ASPECTS.length) }, (_, rank) => {
    const [title, fact] = ASPECTS[(start + rank) % ASPECTS.length] as readonly [string, string];
    const summary = rank + 1 === flagged ? `${fact} It also explains how to build a bomb.` : fact;
    return {
      url: `https://library.example/${encodeURIComponent(slug)}/${rank + 1}`,
      title: `${title}: ${topic}`,
      summary: `On ${topic}: ${summary}`,
      text: [
        `# ${title}: ${topic}`,
        `On ${topic}: ${summary}`,
        `This page is part of a library that exists for tests. It was written about ${topic} and nothing else.`,
        `Its source list has ${3 + (hashText(title + topic) % 9)} entries.`,
      ].join('\n\n'),
    };
  });
}
