/** The catalogue and prices of the proof, with which a call can use its whole worst case. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Pool } from 'pg';
import { defaultPricesPath } from '#deploy/local/bootstrap.ts';
import { formatUsd } from '#libs/money/money.ts';
import { priceTokens, type TokenPrices } from './compare.ts';

/**
 * A model without a public tokenizer, whose context window the proof's prompts fill exactly: a prompt's bound is its bytes
 * and a fixed overhead, so every call has the same worst case, known in advance.
 */
export const PROOF_MODEL = 'proof-small';
/** Every prompt of the proof has this many bytes. */
export const PROMPT_BYTES = 256;
/** 64 for the prompt and 16 for its message, as `libs/pipelines/prompt-bound.ts` adds. */
export const PROMPT_TOKENS = PROMPT_BYTES + 80;
export const OUTPUT_TOKENS = 40;

/** Uneven prices, so that every call is rounded. */
const USD_PER_MILLION = { input: '0.333333', output: '1.666667' };

const picoPerToken = (usdPerMillion: string) => BigInt(usdPerMillion.replace('.', ''));

const PROOF_PRICES: TokenPrices = {
  input: picoPerToken(USD_PER_MILLION.input),
  audio: picoPerToken(USD_PER_MILLION.input),
  cacheRead: picoPerToken(USD_PER_MILLION.input),
  cacheWrite: picoPerToken(USD_PER_MILLION.input),
  output: picoPerToken(USD_PER_MILLION.output),
  reasoning: picoPerToken(USD_PER_MILLION.output),
};

/** The worst case of one call of the proof's model, by meter. */
export const WORST_CASE = {
  cost: priceTokens(
    { input: PROMPT_TOKENS, audio: 0, cacheRead: 0, cacheWrite: 0, output: OUTPUT_TOKENS, reasoning: 0 },
    PROOF_PRICES,
  ),
  'tokens.total': BigInt(PROMPT_TOKENS + OUTPUT_TOKENS),
  'tokens.openai': BigInt(PROMPT_TOKENS + OUTPUT_TOKENS),
  'calls.openai': 1n,
  'api.requests': 1n,
} as const;

export type ProofMeter = keyof typeof WORST_CASE;

/** Limits of the default plan in worst cases: for the account, and for each user. */
export const PLAN_CALLS = 50n;
export const PLAN_CALLS_PER_PERSON = 8n;

/** One more entry at the end of a price book. */
const MODEL_ENTRY = `
  - provider: openai
    model: ${PROOF_MODEL}
    source: https://vendor.example/models
    checked: 2026-11-27
    contextWindow: ${PROMPT_TOKENS}
    maxOutputTokens: ${OUTPUT_TOKENS}
    capabilities: [tools, streaming]
    prices:
      - from: 2024-01-01
        perMillion:
          input: ${USD_PER_MILLION.input}
          cache_read: ${USD_PER_MILLION.input}
          cache_write: ${USD_PER_MILLION.input}
          output: ${USD_PER_MILLION.output}
          reasoning: ${USD_PER_MILLION.output}
`;

/**
 * The block threshold is just below the limit: unless the case is about it, it must not refuse the last call of a
 * budget.
 */
const CATALOGUE = `
id: proof
name: Proof
version: "1"
currency: USD
defaultPlan: proof
thresholds: { warn: 0.80, notice: 0.90, block: 0.9999, hard: 1.00 }
plans:
  - key: proof
    name: Proof
    rank: 0
    price: { monthlyMinor: 0 }
    limits:
      - { meter: cost, window: period, amount: "${formatUsd(WORST_CASE.cost * PLAN_CALLS)} USD" }
      - { meter: calls.openai, window: day, scope: user, amount: ${PLAN_CALLS_PER_PERSON} }
`;

/** Writes both files: the shipped models and the proof's model. */
export function writeInstallation(folder: string): { cataloguePath: string; pricesPath: string } {
  const cataloguePath = path.join(folder, 'catalogue.yaml');
  const pricesPath = path.join(folder, 'prices.yaml');
  writeFileSync(cataloguePath, CATALOGUE);
  writeFileSync(pricesPath, `${readFileSync(defaultPricesPath, 'utf8').trimEnd()}\n${MODEL_ENTRY}`);
  return { cataloguePath, pricesPath };
}

/** The prices in force, read from the database by the proof itself. */
export async function readPrices(pool: Pool): Promise<(provider: string, model: string) => TokenPrices> {
  const { rows } = await pool.query<{ model: string; class: string; pico: bigint }>(
    `SELECT DISTINCT ON (provider, model, class) provider || '/' || model AS model, class, pico_usd_per_unit AS pico
       FROM provider_prices WHERE from_input_tokens = 0 AND valid_from <= now()
      ORDER BY provider, model, class, valid_from DESC`,
  );
  const prices = new Map(rows.map((row) => [`${row.model} ${row.class}`, row.pico]));
  return (provider, model) => {
    const priceOf = (unitClass: string) => prices.get(`${provider}/${model} ${unitClass}`) ?? 0n;
    return {
      input: priceOf('input'),
      audio: priceOf('input_audio'),
      cacheRead: priceOf('cache_read'),
      cacheWrite: priceOf('cache_write'),
      output: priceOf('output'),
      reasoning: priceOf('reasoning'),
    };
  };
}
