import { readFileSync } from 'node:fs';
import t from 'tap';
import { costNanoUsd, effectivePrice, type ModelPrice } from './price.ts';
import { parsePriceBook } from './price-book.ts';
import { normaliseTier, priceNamed, priceOfTier } from './service-tiers.ts';

const book = parsePriceBook(readFileSync('deploy/catalogues/prices.yaml', 'utf8'));
const priceOf = (provider: string, model: string) =>
  effectivePrice(book.rows, provider, model, new Date('2026-11-27')) as ModelPrice;

/** USD per million tokens of input, cached input and output, as the vendor publishes them. */
const PUBLISHED = [
  ['openai', 'gpt-4o', 'priority', 4.25, 2.125, 17],
  ['openai', 'gpt-4o-2024-05-13', 'priority', 8.75, 8.75, 26.25],
  ['openai', 'gpt-4o-mini', 'priority', 0.25, 0.125, 1],
  ['openai', 'gpt-4.1', 'priority', 3.5, 0.875, 14],
  ['openai', 'gpt-4.1-mini', 'priority', 0.7, 0.175, 2.8],
  ['openai', 'gpt-4.1-nano', 'priority', 0.2, 0.05, 0.8],
  ['openai', 'o3', 'priority', 3.5, 0.875, 14],
  ['openai', 'o4-mini', 'priority', 2, 0.5, 8],
  ['openai', 'gpt-5', 'priority', 2.5, 0.25, 20],
  ['openai', 'gpt-5-mini', 'priority', 0.45, 0.045, 3.6],
  ['openai', 'gpt-5.1', 'priority', 2.5, 0.25, 20],
  ['openai', 'gpt-5.2', 'priority', 3.5, 0.35, 28],
  ['openai', 'gpt-5.4', 'priority', 5, 0.5, 30],
  ['openai', 'gpt-5.4-mini', 'priority', 1.5, 0.15, 9],
  ['openai', 'gpt-5.5', 'priority', 12.5, 1.25, 75],
  ['openai', 'gpt-5', 'flex', 0.625, 0.0625, 5],
  ['gemini', 'gemini-3.1-pro', 'priority', 3.6, 0.36, 21.6],
  ['gemini', 'gemini-3.5-flash', 'priority', 2.7, 0.27, 16.2],
  ['gemini', 'gemini-3.5-flash', 'flex', 0.75, 0.075, 4.5],
] as const;

t.test('the prices of tiers are those that vendors publish', async (t) => {
  for (const [provider, model, tier, input, cached, output] of PUBLISHED) {
    const { picoUsdPerUnit } = priceOfTier(priceOf(provider, model), tier).tiers[0] as ModelPrice['tiers'][0];
    const usd = (pico: bigint | undefined) => Number(pico) / 1e6;
    const found = [picoUsdPerUnit.input, picoUsdPerUnit.cache_read, picoUsdPerUnit.output].map(usd);
    t.strictSame(found, [input, cached, output], `${model} ${tier}`);
  }
});

t.test('an unknown tier is never too cheap', async (t) => {
  const units = { input: 1_000, output: 100 };
  for (const { provider, model, kind } of book.models) {
    if (kind !== 'text') continue;
    const standard = priceOf(provider, model);
    const unknown = costNanoUsd(units, priceOfTier(standard, 'turbo'));
    for (const tier of ['default', 'standard', 'flex', 'batch', 'priority'])
      t.ok(unknown >= costNanoUsd(units, priceOfTier(standard, tier)), `${model} ${tier}`);
  }
});

t.test('a version names the prices of one tier', async (t) => {
  const standard = priceOf('openai', 'gpt-4o');
  const priority = priceOfTier(standard, 'priority');
  t.not(priority.version, standard.version);
  t.equal(priceOfTier(standard, 'default'), standard);
  t.equal(priceNamed(standard, standard.version), standard);
  t.strictSame(priceNamed(standard, priority.version), priority);
  t.equal(priceNamed(standard, priority.version.replace('+priority', '+flex')), undefined);
  t.equal(priceNamed(standard, 'openai/gpt-4o@2024-01-01T00:00:00.000Z#0000000000000000'), undefined);
});

t.test('a reported tier is a short name', async (t) => {
  t.equal(normaliseTier('SERVICE_TIER_PRIORITY'), 'priority');
  t.equal(normaliseTier(`x+y#${'z'.repeat(99)}`), `xy${'z'.repeat(30)}`);
});
