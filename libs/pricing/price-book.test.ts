import { readFile } from 'node:fs/promises';
import t from 'tap';
import { formatDecimal } from '#libs/money/money.ts';
import { findModel } from './model.ts';
import { costNanoUsd, effectivePrice } from './price.ts';
import { PriceBookError, parsePriceBook } from './price-book.ts';
import { OUTPUT_TOKEN_CLASSES, PLAIN_INPUT_CLASSES } from './units.ts';
import { readYaml } from './yaml-document.ts';

/** Only Anthropic has a cache that stores for an hour. */
const PLAIN_CLASSES = [...PLAIN_INPUT_CLASSES, ...OUTPUT_TOKEN_CLASSES];

const text = await readFile(new URL('../../deploy/catalogues/prices.yaml', import.meta.url), 'utf8');
const book = parsePriceBook(text);
const today = new Date('2026-11-20');

function perMillion(model: string, at = today) {
  const info = findModel(book.models, model);
  const price = info && effectivePrice(book.rows, info.provider, info.model, at);
  const tier = price?.tiers[0]?.picoUsdPerUnit;
  return [tier?.input, tier?.output].map((pico) => (pico === undefined ? undefined : formatDecimal(pico, 6)));
}

t.test('the founding price table', async (t) => {
  const table: [string, string, string][] = [
    ['gemini-2.0-flash-lite', '0.075000', '0.300000'],
    ['gemini-2.5-pro', '1.250000', '10.000000'],
    ['gpt-4o', '2.500000', '10.000000'],
    ['gpt-4o-mini', '0.150000', '0.600000'],
    ['claude-3.5-sonnet', '3.000000', '15.000000'],
    ['llama3.2:1b', '0.000000', '0.000000'],
  ];
  for (const [model, input, output] of table) t.same(perMillion(model), [input, output], model);
  t.same(perMillion('gemini-2.5-flash', new Date('2025-05-01')), ['0.125000', '0.375000'], 'as first stated');
  t.same(perMillion('gemini-2.5-flash'), ['0.300000', '2.500000'], 'as corrected');

  const perUnit: [string, string, bigint][] = [
    ['tavily', 'search', 1_000_000n],
    ['serper', 'search', 1_000_000n],
    ['metaphor', 'search', 3_000_000n],
    ['firecrawl', 'page', 2_000_000n],
    ['stability', 'image', 40_000_000n],
    ['whisper', 'audio_second', 100_000n],
  ];
  for (const [name, unitClass, nanoUsd] of perUnit) {
    const info = findModel(book.models, name);
    const price = info && effectivePrice(book.rows, info.provider, info.model, today);
    t.equal(price && costNanoUsd({ [unitClass]: 1 }, price), nanoUsd, name);
  }
});

t.test('every model of the book names its source, and when it was compared with it', async (t) => {
  const { models } = readYaml(text).data as {
    models: { model: string; source?: string; checked?: string }[];
  };
  const undated = models.filter(({ source, checked }) => source === undefined || checked === undefined);
  t.same(undated, []);
});

t.test('every model can be priced today, in every class its kind reports', async (t) => {
  for (const info of book.models) {
    const price = effectivePrice(book.rows, info.provider, info.model, today);
    const priced = Object.keys(price?.tiers[0]?.picoUsdPerUnit ?? {});
    t.ok(priced.length > 0, info.model);
    const classes = [
      ...PLAIN_CLASSES,
      ...(info.provider === 'anthropic' ? ['cache_write_1h'] : []),
      ...(info.capabilities.audio ? ['input_audio'] : []),
    ];
    if (info.kind === 'text') t.same(priced.sort(), classes.sort(), info.model);
  }
  t.equal(findModel(book.models, 'openai/gpt-4o')?.model, 'gpt-4o');
  t.equal(findModel(book.models, 'anthropic/gpt-4o'), undefined);
  t.equal(findModel(book.models, 'grok-2-image')?.model, 'grok2_basic');
});

t.test('an invalid book is refused with the line of each error', async (t) => {
  const complaints = (source: string) => {
    try {
      parsePriceBook(source);
    } catch (error) {
      if (error instanceof PriceBookError) return error.message;
      throw error;
    }
    return 'fine';
  };
  const model = (lines: string) => `version: '1'\nmodels:\n  - provider: p\n    model: m\n${lines}`;
  const tokens = 'perMillion: { input: 1, cache_read: 1, cache_write: 1, output: 1, reasoning: 1 }';
  const windows = '    contextWindow: 10\n    maxOutputTokens: 5\n';
  const sizes = `    source: https://vendor.example\n    checked: 2025-01-01\n${windows}`;

  t.equal(complaints(model(`${sizes}    prices:\n      - from: 2025-01-01\n        ${tokens}\n`)), 'fine');
  t.match(complaints('version: [1'), /^line 1: /);
  t.match(complaints('version: *nothing'), /^line 1: Unresolved alias/);
  t.match(
    complaints(model('    colour: red\n    prices: []\n')),
    /line 5: models\[0\]\.colour: is not a known key/,
  );
  t.match(
    complaints(model(`${sizes}    prices:\n      - from: 2025-01-01\n        perMillion: { input: 1e3 }\n`)),
    /^line 11: models\[0\]\.prices\[0\]\.perMillion\.input: must be USD per million tokens/,
  );
  t.match(
    complaints(model(`${sizes}    prices:\n      - from: 2025-01-01\n        perMillion: { input: -1 }\n`)),
    /line 11: .*not negative/,
  );
  t.match(
    complaints(model(`${sizes}    prices:\n      - from: yesterday\n        ${tokens}\n`)),
    /line 10: models\[0\]\.prices\[0\]\.from: must be a date/,
  );
  t.match(
    complaints(model(`${sizes}    prices:\n      - from: 2025-01-01\n        perMillion: { input: 1 }\n`)),
    /line 9: models\[0\]\.prices: the earliest prices must state cache_read, cache_write, output, reasoning/,
  );
  t.match(
    complaints(
      model(
        `${sizes}    prices:\n      - from: 2025-01-01\n        ${tokens}\n      - from: 2025-01-01\n        ${tokens}\n`,
      ),
    ),
    /line 12: models\[0\]\.prices\[1\]: input is priced twice/,
  );
  t.match(
    complaints(model(`    prices:\n      - from: 2025-01-01\n        ${tokens}\n`)),
    /needs its contextWindow and maxOutputTokens/,
  );
  t.match(
    complaints(model(`${windows}    prices:\n      - from: 2025-01-01\n        ${tokens}\n`)),
    /line 3: models\[0\]: a text model needs the source of its windows, and when it was checked/,
  );
  t.match(
    complaints(
      model(
        `${sizes.replace('maxOutputTokens: 5', 'maxOutputTokens: 11')}    prices:\n      - from: 2025-01-01\n        ${tokens}\n`,
      ),
    ),
    /line 8: models\[0\]\.maxOutputTokens: is more than the contextWindow/,
  );
  const able = (lines: string) =>
    complaints(model(`${sizes}${lines}    prices:\n      - from: 2025-01-01\n        ${tokens}\n`));
  t.match(able('    capabilities: [pdf]\n'), /models\[0\]: pdf needs enforcesWindow/);
  t.equal(able('    enforcesWindow: true\n    capabilities: [pdf]\n'), 'fine');
  t.match(able('    capabilities: [audio]\n'), /audio and maxAudioTokensPerSecond must be given together/);
  t.match(
    able('    maxAudioTokensPerSecond: 32\n    capabilities: [audio]\n'),
    /audio needs a price of input_audio/,
  );
  t.match(
    complaints(
      model(
        `    aliases: [m]\n    kind: image\n    prices:\n      - from: 2025-01-01\n        perUnit: { image: 1 }\n`,
      ),
    ),
    /line 5: models\[0\]\.aliases\[0\]: m already names m/,
  );
});
