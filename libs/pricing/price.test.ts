import fc from 'fast-check';
import t from 'tap';
import {
  costNanoUsd,
  costParts,
  effectivePrice,
  type ModelPrice,
  type PriceRow,
  UnpricedClassError,
  worstCaseNanoUsd,
} from './price.ts';
import { fromWire, priceOf, toWire } from './price-wire.ts';
import { UNIT_CLASSES, type Units } from './units.ts';

const row = (unitClass: PriceRow['class'], pico: bigint, more: Partial<PriceRow> = {}): PriceRow => ({
  provider: 'openai',
  model: 'gpt-4o-mini',
  class: unitClass,
  validFrom: '2024-07-18',
  picoUsdPerUnit: pico,
  fromInputTokens: 0,
  ...more,
});

const at = (iso: string) => new Date(iso);

const picoUsd = fc.bigInt({ min: 0n, max: 1_000_000_000n });
const classPrices = fc.record(Object.fromEntries(UNIT_CLASSES.map((unitClass) => [unitClass, picoUsd])), {
  noNullPrototype: true,
});
const flatPrice = classPrices.map(
  (prices): ModelPrice => ({
    provider: 'p',
    model: 'm',
    version: 'p/m@1',
    tiers: [{ fromInputTokens: 0, picoUsdPerUnit: prices }],
  }),
);
const tieredPrice = fc
  .tuple(classPrices, fc.array(fc.tuple(fc.integer({ min: 1, max: 400_000 }), classPrices), { maxLength: 3 }))
  .map(([base, others]): ModelPrice => {
    const starts = new Map([[0, base], ...others]);
    const tiers = [...starts].sort(([a], [b]) => a - b);
    return {
      provider: 'p',
      model: 'm',
      version: 'p/m@1',
      tiers: tiers.map(([fromInputTokens, picoUsdPerUnit]) => ({ fromInputTokens, picoUsdPerUnit })),
    };
  });
const count = fc.nat(500_000);
const units = fc.record(Object.fromEntries(UNIT_CLASSES.map((unitClass) => [unitClass, count])), {
  requiredKeys: [],
}) as fc.Arbitrary<Units>;

t.test('a call is priced by class and rounded up once', async (t) => {
  const price = effectivePrice(
    [row('input', 150_000n), row('cache_read', 75_000n), row('output', 600_000n), row('reasoning', 600_000n)],
    'openai',
    'gpt-4o-mini',
    at('2026-01-01'),
  );
  if (price === undefined) return t.fail('price expected');
  t.equal(costNanoUsd({ input: 1_000, cache_read: 500, output: 200 }, price), 307_500n);
  t.equal(costNanoUsd({ input: 1 }, price), 150n);
  t.equal(costNanoUsd({}, price), 0n, 'no units cost nothing');
  t.equal(costNanoUsd({ cache_write: 0 }, price), 0n, 'a zero needs no price');
  t.throws(() => costNanoUsd({ cache_write: 1 }, price), UnpricedClassError);
  t.throws(() => costNanoUsd({ input: 1.5 }, price), RangeError);
  t.throws(() => costNanoUsd({ input: -1 }, price), RangeError);
  t.throws(() => worstCaseNanoUsd({ inputTokens: 1, outputTokens: 1, otherUnits: { image: 1 } }, price), {
    name: 'UnpricedClassError',
    unitClass: 'image',
  });
});

t.test('a version identifies exact prices', async (t) => {
  const base = [row('input', 1_000n), row('output', 1_000n)];
  const version = (rows: PriceRow[]) =>
    effectivePrice(rows, 'openai', 'gpt-4o-mini', at('2026-01-01'))?.version;
  t.equal(version([...base].reverse()), version(base), 'the order of rows does not matter');
  t.not(
    version([...base, row('input', 10_000n, { fromInputTokens: 200_001 })]),
    version(base),
    'a later tier',
  );
  t.not(version([...base, row('reasoning', 1_000n)]), version(base), 'a later class');
});

t.test('a fraction of a nano is rounded up over the sum, not per class', async (t) => {
  const price = effectivePrice(
    [row('input', 1n), row('output', 1n)],
    'openai',
    'gpt-4o-mini',
    at('2026-01-01'),
  );
  if (price === undefined) return t.fail('price expected');
  t.same(costParts({ input: 1, output: 1 }, price), {
    inputNanoUsd: 1n,
    outputNanoUsd: 0n,
    totalNanoUsd: 1n,
  });
  t.same(costParts({ output: 1 }, price), { inputNanoUsd: 0n, outputNanoUsd: 1n, totalNanoUsd: 1n });
});

t.test('the price in force is the latest row not after the instant', async (t) => {
  const rows = [
    row('input', 125_000n, { validFrom: '2025-04-17T00:00:00Z' }),
    row('output', 375_000n, { validFrom: '2025-04-17T00:00:00Z' }),
    row('input', 300_000n, { validFrom: '2025-06-17T00:00:00Z' }),
    row('output', 2_500_000n, { validFrom: '2025-06-17T02:00:00+02:00' }),
    row('input', 9n, { model: 'other' }),
    row('input', 9n, { provider: 'other' }),
  ];
  const priceAt = (iso: string) => effectivePrice(rows, 'openai', 'gpt-4o-mini', at(iso));
  t.equal(priceAt('2025-04-16T23:59:59.999Z'), undefined, 'not priced yet');
  t.same(priceAt('2025-06-16T23:59:59.999Z')?.tiers[0]?.picoUsdPerUnit, {
    input: 125_000n,
    output: 375_000n,
  });
  const corrected = priceAt('2025-06-17T00:00:00.000Z');
  t.same(corrected?.tiers[0]?.picoUsdPerUnit, { input: 300_000n, output: 2_500_000n });
  t.match(corrected?.version, /^openai\/gpt-4o-mini@2025-06-17T00:00:00\.000Z#[0-9a-f]{16}$/);
  t.equal(priceAt('2030-01-01')?.version, corrected?.version, 'the version stays while the rows do');
  t.equal(effectivePrice(rows, 'openai', 'unknown', at('2030-01-01')), undefined);
});

t.test('a long prompt is priced in its own tier, with every token in it', async (t) => {
  const price = effectivePrice(
    [
      row('input', 1_250_000n),
      row('output', 10_000_000n),
      row('search', 5n),
      row('input', 2_500_000n, { fromInputTokens: 200_001 }),
      row('output', 15_000_000n, { fromInputTokens: 200_001 }),
    ],
    'openai',
    'gpt-4o-mini',
    at('2026-01-01'),
  );
  if (price === undefined) return t.fail('price expected');
  t.equal(costNanoUsd({ input: 200_000, output: 10 }, price), 250_100_000n);
  t.equal(costNanoUsd({ input: 200_001, output: 10 }, price), 500_152_500n);
  t.equal(price.tiers[1]?.picoUsdPerUnit.search, 5n, 'a tier inherits the prices that it lacks');
  t.equal(worstCaseNanoUsd({ inputTokens: 200_000, outputTokens: 10 }, price), 250_100_000n);
  t.equal(worstCaseNanoUsd({ inputTokens: 200_001, outputTokens: 10 }, price), 500_152_500n);
});

t.test('a worst case below a nano-USD is rounded up, as the cost is', async (t) => {
  const price = effectivePrice(
    [row('input', 1n), row('output', 1n)],
    'openai',
    'gpt-4o-mini',
    at('2026-01-01'),
  );
  if (price === undefined) return t.fail('price expected');
  t.equal(costNanoUsd({ input: 1, output: 1 }, price), 1n);
  t.equal(worstCaseNanoUsd({ inputTokens: 1, outputTokens: 1 }, price), 1n);
});

t.test('cost is never negative, grows with units, and is additive up to the one rounding', async () => {
  fc.assert(
    fc.property(flatPrice, units, units, (price, left, right) => {
      const both: Record<string, number> = {};
      for (const unitClass of UNIT_CLASSES)
        both[unitClass] = (left[unitClass] ?? 0) + (right[unitClass] ?? 0);
      const [a, b, sum] = [costNanoUsd(left, price), costNanoUsd(right, price), costNanoUsd(both, price)];
      return a >= 0n && sum >= a && sum >= b && (a + b === sum || a + b === sum + 1n);
    }),
  );
});

t.test('the two sides sum to the total and neither is negative', async () => {
  fc.assert(
    fc.property(tieredPrice, units, (price, reported) => {
      const parts = costParts(reported, price);
      return (
        parts.inputNanoUsd >= 0n &&
        parts.outputNanoUsd >= 0n &&
        parts.inputNanoUsd + parts.outputNanoUsd === parts.totalNanoUsd
      );
    }),
  );
});

t.test('no split of the tokens costs more than the worst case', async () => {
  const fractions = fc.tuple(
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.double({ min: 0, max: 1, noNaN: true }),
  );
  fc.assert(
    fc.property(
      tieredPrice,
      fc.nat(500_000),
      fc.nat(100_000),
      fractions,
      fractions,
      fc.record({ image: count, search: count, request: count }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (price, inputTokens, outputTokens, [a, b], [c, d], otherUnits, used) => {
        const prompt = Math.floor(inputTokens * a);
        const read = Math.floor(prompt * b);
        const written = Math.floor((prompt - read) * c);
        const answer = Math.floor(outputTokens * d);
        const thought = Math.floor(answer * a);
        const actual: Units = {
          input: prompt - read - written,
          cache_read: read,
          cache_write: written,
          output: answer - thought,
          reasoning: thought,
          image: Math.floor(otherUnits.image * used),
          search: otherUnits.search,
          request: Math.floor(otherUnits.request * used),
        };
        return (
          costNanoUsd(actual, price) <= worstCaseNanoUsd({ inputTokens, outputTokens, otherUnits }, price)
        );
      },
    ),
  );
});

t.test('a price survives the wire', async (t) => {
  fc.assert(
    fc.property(tieredPrice, (price) => {
      t.strictSame(fromWire(JSON.parse(JSON.stringify(toWire(price)))), price);
    }),
    { numRuns: 20 },
  );
  const price = effectivePrice([row('input', 5n)], 'openai', 'gpt-4o-mini', at('2026-01-01'));
  if (price === undefined) return t.fail('price expected');
  const wire = toWire(price);
  t.throws(() => fromWire({ ...wire, tiers: [] }));
  t.throws(() =>
    fromWire({ ...wire, tiers: [{ from_input_tokens: 0, pico_usd_per_unit: { input: '-5' } }] }),
  );
  t.throws(() => fromWire({ ...wire, tiers: [{ from_input_tokens: 0, pico_usd_per_unit: { gold: '5' } }] }));
});

t.test('a call is priced at the prices of its version', (t) => {
  const prices = [5n, 7n].map((pico) =>
    effectivePrice([row('input', pico)], 'openai', 'gpt-4o-mini', at('2026-01-01')),
  );
  for (const price of [...prices, ...prices]) {
    if (price !== undefined) t.strictSame(priceOf(toWire(price)), price);
  }
  t.equal(new Set(prices.map((price) => price?.version)).size, 2);
  t.end();
});

t.test('tokens of recordings are in the worst case only of a prompt that has one', async (t) => {
  const rows: PriceRow[] = (
    [
      ['input', 1n],
      ['input_audio', 7n],
      ['output', 1n],
    ] as const
  ).map(([unitClass, pico]) => ({
    provider: 'p',
    model: 'm',
    class: unitClass,
    validFrom: '2026-01-01T00:00:00.000Z',
    picoUsdPerUnit: pico * 1_000n,
    fromInputTokens: 0,
  }));
  const price = effectivePrice(rows, 'p', 'm', new Date('2026-06-01'));
  if (price === undefined) throw new Error('The model has a price.');
  const worst = (hearsAudio: boolean) =>
    worstCaseNanoUsd({ inputTokens: 10, outputTokens: 0, hearsAudio }, price);
  t.equal(worst(false), 10n);
  t.equal(worst(true), 70n);
  t.equal(costNanoUsd({ input: 4, input_audio: 6, output: 2 }, price), 48n);
});
