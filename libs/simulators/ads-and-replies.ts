/** Ads and replies that read like real ones. */
import { objectOr } from './json.ts';
import { phrasesOf } from './phrases/languages.ts';
import type { Wording } from './wording.ts';

/** Ads for each network of a schema; undefined for another schema. */
export function adsOf(schema: Readonly<Record<string, unknown>>, wording: Wording): object | undefined {
  const networks = Object.entries(objectOr(schema.properties));
  const fieldsOf = (node: unknown) => objectOr(objectOr(objectOr(node).items).properties);
  const areAds = networks.every(([, node]) =>
    ['headline', 'headlines'].some((field) => field in fieldsOf(node)),
  );
  if (!areAds || networks.length === 0) return undefined;
  return Object.fromEntries(
    networks.map(([network, node]) => [
      network,
      [0, 1, 2].map((variant) => adOf(fieldsOf(node), wording, variant)),
    ]),
  );
}

const LONGEST_SUBJECT = 24;

function adOf(fields: object, { phrases: { ads }, topic }: Wording, variant: number): object {
  const subject = shortSubject(topic);
  const promise = (at: number) => ads.promises[(at + variant) % ads.promises.length] as string;
  const about = (template: string, at: number) =>
    template.replace('{topic}', subject).replace('{promise}', promise(at));
  const texts: Readonly<Record<string, unknown>> = {
    headlines: [subject, ...[0, 1, 2, 3].map(promise)],
    descriptions: [4, 5, 6].map((at) => about(ads.description, at)),
    primary_text: about(ads.primary, 0),
    introductory_text: about(ads.introductory, 1),
    headline: promise(2),
    description: promise(4),
    text: about(ads.text, 5),
  };
  return Object.fromEntries(Object.keys(fields).map((field) => [field, texts[field]]));
}

/** “solar panels for small businesses” is “Solar panels”. */
function shortSubject(topic: string): string {
  const [subject = ''] = topic.split(/ (?:for|in|with|at|among|during|to) /, 1);
  const words = subject.split(/\s+/);
  while (words.length > 1 && words.join(' ').length > LONGEST_SUBJECT) words.pop();
  const text = words.join(' ').slice(0, LONGEST_SUBJECT);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Words that show what a message wants. */
const INTENTS: readonly (readonly [string, RegExp])[] = [
  [
    'complaint',
    /refund|broken|angry|worst|disappoint|kaputt|enttäuscht|défectueux|remboursement|rota|reembolso/i,
  ],
  ['purchase', /price|buy|order|cost|kaufen|preis|prix|acheter|comprar|precio/i],
  ['praise', /love|great|thank|danke|merci|gracias|toll/i],
  ['question', /\?/],
];

/** @param texts the fenced texts of the prompt, by label. */
export function replies(texts: ReadonlyMap<string, string>, { language }: Wording): object {
  const message = texts.get('message') ?? '';
  const author = texts.get('author')?.split(/[\s(]/, 1)[0] ?? '';
  const intent = INTENTS.find(([, pattern]) => pattern.test(message))?.[0] ?? 'other';
  const isComplaint = intent === 'complaint';
  const { complaint, other } = phrasesOf(language).replies;
  return {
    intent,
    sentiment: isComplaint ? 'negative' : intent === 'praise' ? 'positive' : 'neutral',
    urgency: isComplaint ? 'high' : 'normal',
    summary: `“${message.split(/\s+/).slice(0, 12).join(' ')}”`,
    replies: (isComplaint ? complaint : other).map((text) => text.replace('#', author)),
  };
}
