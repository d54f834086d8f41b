import t from 'tap';
import { boundOfAny, boundUsageOf, unsettledSentCalls } from './unknown-outcome.ts';

t.test('the usage of an unknown outcome is what was held', async (t) => {
  const price = {
    provider: 'p',
    model: 'm',
    version: 'v',
    tiers: [
      {
        fromInputTokens: 0,
        picoUsdPerUnit: { input: 1_000n, cache_write: 2_000n, output: 3_000n, reasoning: 4_000n },
      },
    ],
  };
  const call = { inputTokens: 100, outputTokens: 10, choices: 2, otherUnits: {} };
  t.strictSame(boundUsageOf(call, price), {
    units: { input: 100, output: 20 },
    cost: { inputNanoUsd: 200n, outputNanoUsd: 80n, totalNanoUsd: 280n },
  });
  const images = { fromInputTokens: 0, picoUsdPerUnit: { image: 5_000n } };
  const drawing = { inputTokens: 0, outputTokens: 0, choices: 1, otherUnits: { image: 3 } };
  t.match(boundUsageOf(drawing, { ...price, tiers: [images] }), {
    units: { image: 3 },
    cost: { totalNanoUsd: 15n },
  });
});

t.test(
  'of a call with fallbacks, the most expensive counts, with the highest amount of each meter',
  async (t) => {
    const priceFor = (pico: bigint) => ({
      ...{ provider: 'p', model: 'm', version: 'v' },
      tiers: [{ fromInputTokens: 0, picoUsdPerUnit: { input: pico, output: pico } }],
    });
    const call = {
      ...{
        index: 0,
        step: 'chat',
        provider: 'openai',
        choices: 1,
        counts: { 'gen.blog': 1 },
        otherUnits: {},
      },
      ...{ inputTokens: 300, outputTokens: 100 },
    };
    const dear = { ...call, provider: 'gemini', inputTokens: 100 };
    const bound = boundOfAny({ ...call, fallbacks: [dear] }, 'ok', ({ provider }) =>
      priceFor(provider === 'gemini' ? 9_000n : 1_000n),
    );
    t.match(bound, { call: dear, units: { input: 100, output: 100 }, cost: { totalNanoUsd: 1_800n } });
    t.strictSame(bound.meters, {
      cost: 1_800n,
      'calls.openai': 1n,
      'tokens.total': 400n,
      'tokens.openai': 400n,
      'gen.blog': 1n,
      'api.requests': 1n,
      'calls.gemini': 1n,
      'tokens.gemini': 200n,
    });
  },
);

t.test('a step was sent only if the step before it has settled', async (t) => {
  const content = ['research', 'write', 'edit', 'social'];
  const images = ['image', 'image', 'alt_text'];
  const rows: [string[], number[], number[]][] = [
    [['chat'], [], [0]],
    [['chat'], [0], []],
    [content, [], [0]],
    [content, [0], [1]],
    [content, [0, 1, 2], [3]],
    [content, [0, 1, 2, 3], []],
    [images, [], [0, 1]],
    [images, [1], [0]],
    [images, [0, 1], [2]],
  ];
  for (const [steps, settled, expected] of rows) {
    const calls = steps.map((step, index) => ({ index, step }));
    const sent = unsettledSentCalls(calls, new Set(settled)).map(({ index }) => index);
    t.strictSame(sent, expected, `${steps} with ${settled} settled`);
  }
});
