/** Chat requests of every kind that has a bound of its own: scripts, tools, schemas, images, and prompts near the window. */
import { pngOfSize } from '#libs/simulators/vendor-tokens/fixtures.ts';
import type { Random } from './random.ts';

export type Shape = {
  name: string;
  /** The fields of a request, except its model and cap. */
  body: (simulate: string, random: Random) => Record<string, unknown>;
  models: readonly string[];
  /** Has more tokens than Inkmeter's estimate, where the tokenizer is not public and the provider reports nothing. */
  isDense?: boolean;
};

export const hasPublicTokenizer = (model: string) => model.startsWith('gpt-');

/** A model of each vendor with public models, tools and images. */
const VISION = [
  'gpt-4o-mini',
  'gpt-4.1-nano',
  'claude-3-5-haiku',
  'claude-haiku-4-5',
  'gemini-2.0-flash',
] as const;
/** Its window is small, so a few pages have more bytes than the window has tokens and are counted. */
const SMALL_WINDOW = ['gpt-4'] as const;
const TEXT = [...VISION, ...SMALL_WINDOW] as const;

const SCRIPTS = [
  'Write about the sea and what lives in it.',
  'Пишите о море и о том, что в нём живёт.',
  '海について、そこに住むものについて書いてください。',
  'اكتب عن البحر وما يعيش فيه.',
  'समुद्र और उसमें रहने वालों के बारे में लिखो।',
  '바다와 그 속에 사는 것에 대해 써 주세요.',
  'Γράψε για τη θάλασσα 🌊🐙👩‍👩‍👧‍👦.',
] as const;
/** Short characters with a long NFKC form. */
const EXPANDING = ['\ufdfa', '㍿', '㎥', '½', 'ﬃ'] as const;
const COLOURS = ['red', 'green', 'blue', 'white', 'black', 'grey', 'pink', 'gold'] as const;

const user = (content: unknown) => ({ messages: [{ role: 'user', content }] });
const directive = (simulate: string) => `[[simulate: ${simulate}]]`;

function toolWithEnum(items: number) {
  const parameters = {
    type: 'object',
    properties: {
      colour: {
        type: 'string',
        enum: Array.from({ length: items }, (_, index) => COLOURS[index % COLOURS.length]),
      },
      layers: {
        type: 'array',
        items: { type: 'object', properties: { x: { type: 'number' }, y: { type: 'number' } } },
      },
    },
  };
  return { type: 'function', function: { name: 'paint', description: 'Paints a wall.', parameters } };
}

/** The longest side of an image at least, so that ratios are extreme. */
const SIDES = [1, 16, 384, 512, 2_000, 12_000] as const;

/** In this window of 8,192 tokens, at 1.1 tokens a word. */
const WORDS_NEAR_WINDOW = 7_000;
const WORDS_ABOVE_WINDOW = 9_000;
const pages = (words: number) => 'the quick brown fox jumps over the lazy dog '.repeat(Math.ceil(words / 9));

export const SHAPES: readonly Shape[] = [
  {
    name: 'scripts',
    models: TEXT,
    body: (simulate, random) =>
      user(`${directive(simulate)} ${SCRIPTS.map(() => random.pick(SCRIPTS)).join(' ')}`),
  },
  {
    name: 'characters that NFKC expands',
    isDense: true,
    models: TEXT,
    body: (simulate, random) =>
      user(`${directive(simulate)} ${random.pick(EXPANDING).repeat(random.integer(50, 500))}`),
  },
  {
    name: 'tools',
    models: TEXT,
    body: (simulate, random) => ({
      ...user(`${directive(simulate)} Which walls are there?`),
      tools: [toolWithEnum(random.integer(1, 400))],
    }),
  },
  {
    name: 'results of tools',
    models: VISION,
    body: (simulate, random) => ({
      messages: [
        { role: 'user', content: `${directive(simulate)} Which walls are there?` },
        {
          role: 'assistant',
          content: null,
          tool_calls: [
            { id: 'call_1', type: 'function', function: { name: 'walls', arguments: '{"floor":2}' } },
          ],
        },
        {
          role: 'tool',
          tool_call_id: 'call_1',
          content: JSON.stringify(
            Array.from({ length: random.integer(1, 60) }, (_, wall) => ({ wall, x: wall * 2 })),
          ),
        },
      ],
      tools: [toolWithEnum(8)],
    }),
  },
  {
    name: 'a schema',
    models: ['gpt-4o-mini', 'claude-haiku-4-5', 'gemini-2.0-flash'],
    body: (simulate, random) => ({
      ...user(`${directive(simulate)} Describe a wall.`),
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'wall', schema: toolWithEnum(random.integer(1, 200)).function.parameters },
      },
    }),
  },
  {
    name: 'images of any aspect ratio',
    models: VISION,
    body: (simulate, random) =>
      user([
        { type: 'text', text: `${directive(simulate)} What do they show?` },
        ...Array.from({ length: random.integer(1, 2) }, () => ({
          type: 'image_url',
          image_url: { url: pngOfSize(random.pick(SIDES), random.pick(SIDES)) },
        })),
      ]),
  },
  {
    name: 'a prompt near the window',
    models: SMALL_WINDOW,
    body: (simulate, random) =>
      user(`${pages(random.integer(WORDS_NEAR_WINDOW - 1_500, WORDS_NEAR_WINDOW))}${directive(simulate)}`),
  },
];

/** A prompt that is refused before anything is held. */
export const ABOVE_WINDOW: Shape = {
  name: 'a prompt above the window',
  models: SMALL_WINDOW,
  body: (simulate) => user(`${pages(WORDS_ABOVE_WINDOW)}${directive(simulate)}`),
};
