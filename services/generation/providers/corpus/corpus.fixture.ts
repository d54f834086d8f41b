/** The corpus: what vendors send, and what it means. See README.md. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { ProviderKey } from '../domain/providers.ts';

export type ExpectedAnswer = {
  /** What is odd about it. */
  why: string;
  text: string;
  reasoning: string;
  tool_calls: { name: string; arguments: string }[];
  /** The finish reason of the first choice. */
  finish: string | null;
  /** The usage that the vendor reports, and whether it is complete; null if it reports none. */
  units: Record<string, number> | null;
  final: boolean;
  /** Where the settled figures come from, for a model without hidden reasoning; `nothing` if the call is free. */
  booked: 'provider' | 'counted' | 'estimated' | 'bound' | 'nothing';
  /** The kind of the ProviderError. */
  error: string | null;
  service_tier?: string;
  choices?: number;
};

export type CorpusCase = {
  name: string;
  provider: ProviderKey;
  isDocument: boolean;
  bytes: Buffer;
  expected: ExpectedAnswer;
};

const FOLDER = import.meta.dirname;

export function readCorpus(): CorpusCase[] {
  return readdirSync(FOLDER)
    .filter((file) => /\.(sse|json)$/.test(file) && !file.endsWith('.expected.json'))
    .sort()
    .map((file) => {
      const { name, ext } = path.parse(file);
      return {
        name,
        provider: providerOf(name),
        isDocument: ext === '.json',
        bytes: readFileSync(path.join(FOLDER, file)),
        expected: JSON.parse(readFileSync(path.join(FOLDER, `${name}.expected.json`), 'utf8')),
      };
    });
}

/** The vendor begins the name; servers behind OpenAI's address speak for those without a provider of their own. */
function providerOf(name: string): ProviderKey {
  const [vendor = ''] = name.split('-', 1);
  return vendor === 'openrouter' ? 'openai' : (vendor as ProviderKey);
}
