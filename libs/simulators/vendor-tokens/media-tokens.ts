/** Tokens of PDF documents and recordings in prompts, from the vendors' documentation. */
import type { CountMode } from './text-tokens.ts';

/** https://platform.claude.com/docs/en/build-with-claude/pdf-support: 1,500 to 3,000 for the text, and an image of each page */
export const ANTHROPIC_PAGE = { documented: 2_300, most: 4_600 };
/** https://ai.google.dev/gemini-api/docs/document-processing */
export const GEMINI_PAGE = { documented: 258, most: 258 };
/** As Claude's: OpenAI documents that there is the text and an image of each page. */
export const OPENAI_PAGE = ANTHROPIC_PAGE;

/** https://ai.google.dev/gemini-api/docs/audio */
export const GEMINI_AUDIO_PER_SECOND = { documented: 32, most: 32 };
/** https://developers.openai.com/api/docs/guides/realtime-costs: a token for 100 ms of the user, for 50 ms of the assistant */
export const OPENAI_AUDIO_PER_SECOND = { documented: 10, most: 20 };

type PerMode = { readonly [Mode in CountMode]: number };

const PAGE = /\/Type\s*\/Page(?!s)/g;

/** @param base64 of a document without compressed pages, as tests have. */
export function documentTokens(base64: string, perPage: PerMode, mode: CountMode) {
  const text = Buffer.from(base64, 'base64').toString('latin1');
  return Math.max(1, text.match(PAGE)?.length ?? 0) * perPage[mode];
}

const MP3_BYTES_PER_SECOND = { documented: 16_000, most: 1_000 };

/** The duration of WAV as its header says; of MP3 at 128 kbit/s, or at the lowest bitrate. */
export function audioTokens(base64: string, perSecond: PerMode, mode: CountMode): number {
  const bytes = Buffer.from(base64, 'base64');
  const isWav = bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.length >= 44;
  const rate = isWav ? bytes.readUInt32LE(28) : MP3_BYTES_PER_SECOND[mode];
  return Math.ceil(bytes.length / rate) * perSecond[mode];
}

/** The window that the vendor enforces; infinite for models whose tokenizer is public, which tests bound by counting. */
export function windowOf(provider: 'anthropic' | 'gemini', model: string): number {
  if (provider === 'gemini') return 1_048_576;
  return /^claude-(?:3|(?:sonnet|opus|haiku)-4(?:$|-[0-5](?:$|-)|-20))/.test(model) ? 200_000 : 1_000_000;
}
