import t from 'tap';
import { anthropicUnits } from './usage.ts';

t.test('golden usages become disjoint classes', async (t) => {
  const rows = [
    {
      title: 'the input excludes the cache',
      usage: {
        input_tokens: 21,
        cache_creation_input_tokens: 188,
        cache_read_input_tokens: 1024,
        cache_creation: { ephemeral_5m_input_tokens: 188, ephemeral_1h_input_tokens: 0 },
        output_tokens: 393,
        output_tokens_details: { thinking_tokens: 100 },
        service_tier: 'standard',
      },
      units: { input: 21, cache_read: 1024, cache_write: 188, output: 293, reasoning: 100 },
    },
    {
      title: 'null is unknown, not nothing',
      usage: {
        input_tokens: 5,
        output_tokens: 7,
        cache_read_input_tokens: null,
        output_tokens_details: null,
      },
      units: { input: 5, output: 7 },
    },
  ];
  for (const { title, usage, units } of rows) t.strictSame(anthropicUnits(usage), units, title);
});

t.test('half a usage is no usage', async (t) => {
  for (const usage of [undefined, null, 'x', {}, { input_tokens: 1 }, { output_tokens: 1 }]) {
    t.equal(anthropicUnits(usage), undefined, JSON.stringify(usage));
  }
});
