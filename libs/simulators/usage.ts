import { LRUCache } from 'lru-cache';
import { hashText } from './text.ts';

/**
 * Tokens and images of one call, in disjoint classes: `input` is what was neither read from nor written to a cache, and is
 * not of a recording.
 */
export interface Usage {
  input: number;
  /** Of recordings in the prompt. */
  audio: number;
  cacheRead: number;
  cacheWrite: number;
  /** Visible output. */
  output: number;
  reasoning: number;
  images: number;
}

export const usageClasses = [
  'input',
  'audio',
  'cacheRead',
  'cacheWrite',
  'output',
  'reasoning',
  'images',
] as const;

export function noUsage(): Usage {
  return { input: 0, audio: 0, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0, images: 0 };
}

/** What the vendors call input or prompt tokens when they include the cached ones and those of recordings. */
export function promptTokens(usage: Usage): number {
  return usage.input + usage.audio + usage.cacheRead + usage.cacheWrite;
}

export const charactersPerToken = 4;

/** Tokens of a text that the simulator wrote; at least 1, so that no answer is free. */
export function countTokens(characters: number): number {
  return Math.max(1, Math.ceil(characters / charactersPerToken));
}

const words = /[\p{L}\p{M}'’]+|\p{N}+/gu;

/**
 * Tokens of a prompt: a token for 4 characters, but never more than there are words and numbers. No tokenizer joins
 * two words, so this never exceeds a real tokenizer's count, and a hold of that count is always sufficient.
 */
export function countPromptTokens(parts: readonly string[]): number {
  const most = countTokens(charactersOf(parts));
  let tokens = 0;
  for (const part of parts) tokens += part.match(words)?.length ?? 0;
  return Math.max(1, Math.min(tokens, most));
}

export function charactersOf(parts: readonly string[]): number {
  let characters = 0;
  for (const part of parts) characters += part.length;
  return characters;
}

// https://platform.openai.com/docs/guides/prompt-caching: from 1024 tokens on, in steps of 128
const cacheMinimumTokens = 1024;
const cacheStepTokens = 128;

/** Prompt tokens that came from a cache or went into one. */
export interface CachedTokens {
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

export const nothingCached: CachedTokens = { cacheRead: 0, cacheWrite: 0 };

/** What a cache sees of a prompt. */
export interface CacheablePrompt {
  /** Tool definitions, system prompt and messages, one entry each. */
  readonly parts: readonly string[];
  /** Anthropic's `cache_control`: how many `parts` each mark covers, ascending. */
  readonly cacheMarks: readonly number[];
}

/** Remembers which prompts a model has read, as long as the process lives. */
export interface PromptMemory {
  /** For vendors that cache by themselves: the longest prefix that the model has read before, in steps. */
  readAgain(model: string, prompt: CacheablePrompt, tokens: number): CachedTokens;
  /** For vendors with explicit marks: what is known up to a mark, and what is stored up to the last one. */
  readMarked(model: string, prompt: CacheablePrompt, tokens: number): CachedTokens;
  clear(): void;
}

export function createPromptMemory(): PromptMemory {
  const seen = new LRUCache<string, true>({ max: 50_000 });

  const remember = (key: string): boolean => {
    const known = seen.has(key);
    seen.set(key, true);
    return known;
  };

  return {
    readAgain(model, { parts }, tokens) {
      if (tokens < cacheMinimumTokens) return nothingCached;
      const text = parts.join('');
      const step = cacheStepTokens * charactersPerToken;
      let hash = hashText(model);
      let known = 0;
      for (let end = step; end <= text.length; end += step) {
        hash = hashText(text.slice(end - step, end), hash);
        if (end >= cacheMinimumTokens * charactersPerToken && remember(`${end}:${hash}`)) known = end;
      }
      const steps = Math.floor((tokens * known) / text.length / cacheStepTokens);
      const cacheRead = steps * cacheStepTokens;
      return cacheRead < cacheMinimumTokens ? nothingCached : { cacheRead, cacheWrite: 0 };
    },

    readMarked(model, { parts, cacheMarks }, tokens) {
      const total = charactersOf(parts);
      let hash = hashText(model);
      let characters = 0;
      let covered = 0;
      let cacheRead = 0;
      let stored = 0;
      for (const mark of cacheMarks) {
        for (; covered < mark; covered += 1) {
          const part = parts[covered] ?? '';
          hash = hashText(part, hash);
          characters += part.length;
        }
        const markedTokens = Math.floor((tokens * characters) / total);
        if (markedTokens < cacheMinimumTokens) continue;
        stored = markedTokens;
        if (remember(`mark:${characters}:${hash}`)) cacheRead = markedTokens;
      }
      return { cacheRead, cacheWrite: stored - cacheRead };
    },

    clear: () => seen.clear(),
  };
}
