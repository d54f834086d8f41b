import { LRUCache } from 'lru-cache';
import type { Prompt } from './dialect.ts';
import { hashText } from './text.ts';

/** Tokens and images of one call, in disjoint classes: `input` is what was neither read from nor written to a cache. */
export interface Usage {
  input: number;
  cacheRead: number;
  cacheWrite: number;
  /** Visible output. */
  output: number;
  reasoning: number;
  images: number;
}

export const usageClasses = ['input', 'cacheRead', 'cacheWrite', 'output', 'reasoning', 'images'] as const;

export function noUsage(): Usage {
  return { input: 0, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0, images: 0 };
}

/** What the vendors call input or prompt tokens when they include the cached ones. */
export function promptTokens(usage: Usage): number {
  return usage.input + usage.cacheRead + usage.cacheWrite;
}

export const charactersPerToken = 4;

/** At least 1, so that no answer is free. */
export function countTokens(characters: number): number {
  return Math.max(1, Math.ceil(characters / charactersPerToken));
}

// https://platform.openai.com/docs/guides/prompt-caching: from 1024 tokens on, in steps of 128
const cacheMinimumTokens = 1024;
const cacheStepTokens = 128;

/** Remembers which prompts a model has read, as long as the process lives. */
export interface PromptMemory {
  /** Vendors that cache by themselves: the longest prefix, in tokens, that the model has read before. */
  readAgain(model: string, prompt: Prompt): number;
  /** Vendors with explicit marks: tokens found under a mark, and tokens newly stored up to the last mark. */
  readMarked(model: string, prompt: Prompt): { cacheRead: number; cacheWrite: number };
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
    readAgain(model, { parts }) {
      if (charactersOf(parts) < cacheMinimumTokens * charactersPerToken) return 0;
      const text = parts.join('\n');
      const step = cacheStepTokens * charactersPerToken;
      let hash = hashText(model);
      let cached = 0;
      for (let end = step; end <= text.length; end += step) {
        hash = hashText(text.slice(end - step, end), hash);
        const tokens = end / charactersPerToken;
        if (tokens >= cacheMinimumTokens && remember(`${tokens}:${hash}`)) cached = tokens;
      }
      return cached;
    },

    readMarked(model, { parts, cacheMarks }) {
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
        const tokens = countTokens(characters);
        if (tokens < cacheMinimumTokens) continue;
        stored = tokens;
        if (remember(`mark:${tokens}:${hash}`)) cacheRead = tokens;
      }
      return { cacheRead, cacheWrite: stored - cacheRead };
    },

    clear: () => seen.clear(),
  };
}

export function charactersOf(parts: readonly string[]): number {
  let characters = 0;
  for (const part of parts) characters += part.length;
  return characters;
}
