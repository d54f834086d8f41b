import t from 'tap';
import { openAiUnits } from './usage.ts';
import { VENDORS } from './vendors.ts';

const detailed = {
  prompt_tokens: 2006,
  completion_tokens: 300,
  total_tokens: 2306,
  prompt_tokens_details: { cached_tokens: 1920, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 192, audio_tokens: 0, accepted_prediction_tokens: 0 },
};

t.test('golden usages become disjoint classes', async (t) => {
  const rows = [
    {
      title: 'openai: cached inside the prompt, reasoning inside the completion',
      vendor: VENDORS.openai,
      usage: detailed,
      units: { input: 86, cache_read: 1920, output: 108, reasoning: 192 },
    },
    {
      title: 'openai: audio is part of the prompt',
      vendor: VENDORS.openai,
      usage: { prompt_tokens: 150, completion_tokens: 10, prompt_tokens_details: { audio_tokens: 120 } },
      units: { input: 30, input_audio: 120, output: 10 },
    },
    {
      title: 'openai: tokens written to the cache are part of the prompt too',
      vendor: VENDORS.openai,
      usage: {
        prompt_tokens: 1500,
        completion_tokens: 10,
        prompt_tokens_details: { cached_tokens: 200, cache_write_tokens: 1000 },
      },
      units: { input: 300, cache_read: 200, cache_write: 1000, output: 10 },
    },
    {
      title: 'xai: the completion excludes reasoning',
      vendor: VENDORS.xai,
      usage: { ...detailed, total_tokens: 2498 },
      units: { input: 86, cache_read: 1920, output: 300, reasoning: 192 },
    },
    {
      title: 'xai: reasoning inside, as the total says',
      vendor: VENDORS.xai,
      usage: detailed,
      units: { input: 86, cache_read: 1920, output: 108, reasoning: 192 },
    },
    {
      title: 'mistral: no details; what is not reported stays unknown',
      vendor: VENDORS.mistral,
      usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 },
      units: { input: 11, output: 7 },
    },
    {
      title: 'details that do not fit are never negative',
      vendor: VENDORS.openai,
      usage: {
        prompt_tokens: 5,
        completion_tokens: 5,
        prompt_tokens_details: { cached_tokens: 9 },
        completion_tokens_details: { reasoning_tokens: 9 },
      },
      units: { input: 0, cache_read: 9, output: 0, reasoning: 9 },
    },
    {
      title: 'negative figures count as nothing',
      vendor: VENDORS.openai,
      usage: { prompt_tokens: -4, completion_tokens: 3 },
      units: { input: 0, output: 3 },
    },
  ];
  for (const { title, vendor, usage, units } of rows) t.strictSame(openAiUnits(usage, vendor), units, title);
});

t.test('half a usage is no usage', async (t) => {
  for (const usage of [undefined, null, 'many', {}, { prompt_tokens: 5 }, { completion_tokens: 5 }]) {
    t.equal(openAiUnits(usage, VENDORS.openai), undefined, JSON.stringify(usage));
  }
});
