/**
 * Chat requests of every kind that has a bound of its own: scripts, tools, schemas, images, documents, recordings, and
 * prompts near the window.
 */
import { mp3OfBytes, pdfOfPages, pngOfSize, wavOfSeconds } from '#libs/simulators/vendor-tokens/fixtures.ts';
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

/** Models that bound a document by their window. */
const READERS_WITHIN_WINDOW = { claude: ['claude-3-5-haiku', 'claude-haiku-4-5'], openai: ['gpt-4o-mini'] };
/** A page has up to 4,600 tokens, so these fill the windows of 200,000 and 128,000 tokens. */
const PAGES_WITHIN_WINDOW = { claude: 42, openai: 27 };
/** Gemini reads no more pages, of 258 tokens each. */
const MAX_PAGES = 1_000;
const HEARERS = ['gemini-2.0-flash', 'gpt-audio'] as const;
const MAX_SECONDS = 20;
/** The lowest rates that are taken, so that the bytes of a recording say how long it lasts. */
const LEAST_WAV = { rate: 8_000, bits: 8 };
const LEAST_MP3_BYTES_PER_SECOND = 1_000;

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

function documentShape(name: string, models: readonly string[], maxPages: number): Shape {
  return {
    name,
    models,
    body: (simulate, random) => {
      const pages = random.integer(Math.ceil(maxPages * 0.95), maxPages);
      const file = { filename: 'report.pdf', file_data: `data:application/pdf;base64,${pdfOfPages(pages)}` };
      return user([
        { type: 'text', text: `${directive(simulate)} What does it say?` },
        { type: 'file', file },
      ]);
    },
  };
}

function recording(random: Random) {
  const seconds = random.integer(1, MAX_SECONDS);
  return random.integer(0, 1) === 0
    ? { format: 'wav', data: wavOfSeconds(seconds, LEAST_WAV) }
    : { format: 'mp3', data: mp3OfBytes(seconds * LEAST_MP3_BYTES_PER_SECOND) };
}

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
  documentShape(
    'a document near the window of Claude',
    READERS_WITHIN_WINDOW.claude,
    PAGES_WITHIN_WINDOW.claude,
  ),
  documentShape(
    'a document near the window of OpenAI',
    READERS_WITHIN_WINDOW.openai,
    PAGES_WITHIN_WINDOW.openai,
  ),
  documentShape('a document of the most pages', ['gemini-2.0-flash'], MAX_PAGES),
  {
    name: 'a recording',
    models: HEARERS,
    body: (simulate, random) =>
      user([
        { type: 'text', text: `${directive(simulate)} What do you hear?` },
        { type: 'input_audio', input_audio: recording(random) },
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
