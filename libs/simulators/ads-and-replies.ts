/** Ads and replies that read like real ones. */
import { detectLanguage } from '#libs/pipelines/content/language.ts';
import { objectOr } from './json.ts';

/** Ads for each network of a schema; undefined for another schema. */
export function adsOf(schema: Readonly<Record<string, unknown>>, topic: string): object | undefined {
  const networks = Object.entries(objectOr(schema.properties));
  const fieldsOf = (node: unknown) => objectOr(objectOr(objectOr(node).items).properties);
  const areAds = networks.every(([, node]) =>
    ['headline', 'headlines'].some((field) => field in fieldsOf(node)),
  );
  if (!areAds || networks.length === 0) return undefined;
  return Object.fromEntries(
    networks.map(([network, node]) => [
      network,
      [0, 1, 2].map((variant) => adOf(fieldsOf(node), topic, variant)),
    ]),
  );
}

const PROMISES = [
  'Begin with one page',
  'See what works first',
  'Four figures are enough',
  'Change one thing at a time',
  'Look again in a month',
  'A checklist for today',
  'Know before you spend',
];
const LONGEST_SUBJECT = 24;

function adOf(fields: object, topic: string, variant: number): object {
  const subject = shortSubject(topic);
  const promise = (at: number) => PROMISES[(at + variant) % PROMISES.length] as string;
  const texts: Readonly<Record<string, unknown>> = {
    headlines: [subject, ...[0, 1, 2, 3].map(promise)],
    descriptions: [4, 5, 6].map((at) => `${subject}, explained without guesswork. ${promise(at)}.`),
    primary_text: `${subject}: still guessing? ${promise(0)}, and see early whether it works.`,
    introductory_text: `${subject}: still guessing at work? ${promise(1)}, and decide with figures.`,
    headline: promise(2),
    description: promise(4),
    text: `${subject}: still guessing? ${promise(5)}.`,
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

/** Of a complaint, and of anything else; `#` is the author. */
const REPLIES: Readonly<Record<string, readonly [complaint: string[], other: string[]]>> = {
  en: [
    [
      'We are sorry, #. Please send us your order number, and we will put it right.',
      'Thank you for telling us, #. This should not happen. May we write to you in private?',
    ],
    [
      'Thank you, #! We will find out and reply here.',
      'Good to hear from you, #. May we ask which one you mean?',
      'Thanks for writing, #! More from us today.',
    ],
  ],
  de: [
    [
      'Das tut uns leid, #. Bitte schicken Sie uns Ihre Bestellnummer, dann bringen wir es in Ordnung.',
      'Danke für den Hinweis, #. Das darf nicht passieren. Dürfen wir Ihnen privat schreiben?',
    ],
    [
      'Danke, #! Wir finden es heraus und melden uns hier.',
      'Schön, von Ihnen zu hören, #. Welches Modell meinen Sie?',
    ],
  ],
  fr: [
    ['Nous sommes désolés, #. Envoyez-nous votre numéro de commande et nous trouverons une solution.'],
    ['Merci, # ! Nous nous renseignons et vous répondons ici.'],
  ],
  es: [
    ['Lo sentimos, #. Envíenos su número de pedido y lo resolveremos.'],
    ['¡Gracias, #! Lo averiguamos y le respondemos aquí.'],
  ],
};

/** @param texts the fenced texts of the prompt, by label. */
export function replies(texts: ReadonlyMap<string, string>): object {
  const message = texts.get('message') ?? '';
  const author = texts.get('author')?.split(/[\s(]/, 1)[0] ?? '';
  const intent = INTENTS.find(([, pattern]) => pattern.test(message))?.[0] ?? 'other';
  const isComplaint = intent === 'complaint';
  const [complaint, other] =
    REPLIES[detectLanguage(message)] ?? (REPLIES.en as NonNullable<(typeof REPLIES)['en']>);
  return {
    intent,
    sentiment: isComplaint ? 'negative' : intent === 'praise' ? 'positive' : 'neutral',
    urgency: isComplaint ? 'high' : 'normal',
    summary: `“${message.split(/\s+/).slice(0, 12).join(' ')}”`,
    replies: (isComplaint ? complaint : other).map((text) => text.replace('#', author)),
  };
}
