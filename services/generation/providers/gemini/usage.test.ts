import t from 'tap';
import { geminiTier, geminiUnits } from './usage.ts';

t.test('golden usages become disjoint classes', async (t) => {
  const rows = [
    {
      title: 'the prompt includes cached content, the candidates exclude thoughts',
      usage: {
        promptTokenCount: 2048,
        cachedContentTokenCount: 2000,
        candidatesTokenCount: 120,
        thoughtsTokenCount: 64,
        totalTokenCount: 2232,
      },
      units: { input: 48, cache_read: 2000, output: 120, reasoning: 64 },
    },
    {
      title: 'audio has a class of its own, cached or not',
      usage: {
        promptTokenCount: 1000,
        cachedContentTokenCount: 500,
        promptTokensDetails: [
          { modality: 'TEXT', tokenCount: 700 },
          { modality: 'AUDIO', tokenCount: 300 },
        ],
        cacheTokensDetails: [{ modality: 'AUDIO', tokenCount: 100 }],
        candidatesTokenCount: 5,
      },
      units: { input: 300, cache_read: 400, input_audio: 300, output: 5 },
    },
    {
      title: 'results of tools the model used by itself are input',
      usage: { promptTokenCount: 10, toolUsePromptTokenCount: 5, candidatesTokenCount: 2 },
      units: { input: 15, output: 2 },
    },
    {
      title: 'a missing candidate count is a zero that was left out',
      usage: { promptTokenCount: 10, thoughtsTokenCount: 99 },
      units: { input: 10, output: 0, reasoning: 99 },
    },
    {
      title: 'never negative',
      usage: { promptTokenCount: 1, cachedContentTokenCount: 4, candidatesTokenCount: -2 },
      units: { input: 0, cache_read: 4, output: 0 },
    },
  ];
  for (const { title, usage, units } of rows) t.strictSame(geminiUnits(usage), units, title);
});

t.test('without a prompt count there is no usage', async (t) => {
  for (const usage of [undefined, null, {}, { candidatesTokenCount: 3 }])
    t.equal(geminiUnits(usage), undefined);
});

t.test('the tier that served a call is part of its usage', async (t) => {
  t.equal(geminiTier({ usageMetadata: { promptTokenCount: 3, serviceTier: 'flex' } }), 'flex');
  t.equal(geminiTier({ usageMetadata: { promptTokenCount: 3 } }), null);
  t.equal(geminiTier({ usageMetadata: null }), null);
  t.equal(geminiTier({}), null);
});
