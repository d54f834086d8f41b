import t from 'tap';
import { readLiteLlm } from './litellm.ts';
import type { ModelInfo } from './model.ts';
import type { UnitClass } from './units.ts';

const model = (provider: string, name: string, more: Partial<ModelInfo> = {}): ModelInfo => ({
  ...{ provider, model: name, aliases: [], upstreamModel: name, kind: 'text' },
  ...{ contextWindow: 1_000, maxOutputTokens: 100, maxImageInputTokens: 0, tokenizer: null },
  capabilities: { tools: false, vision: false, streaming: true, jsonSchema: false, reasoning: false },
  ...more,
});
const MODELS = [
  model('openai', 'gpt-4o-mini', { aliases: ['gpt-4o-mini-2024-07-18'] }),
  model('anthropic', 'claude-sonnet-4-5'),
  model('gemini', 'gemini-2.5-pro'),
  model('openai', 'dall-e-3', { kind: 'image' }),
  model('openai', 'whisper-1', { kind: 'audio' }),
];
const TEXT = new Set<UnitClass>(['input', 'cache_read', 'cache_write', 'output', 'reasoning']);
const CLASSES: Record<string, Set<UnitClass>> = {
  'claude-sonnet-4-5': new Set([...TEXT, 'cache_write_1h']),
  'whisper-1': new Set<UnitClass>(['audio_second']),
};
const read = (source: Record<string, unknown>) =>
  readLiteLlm(source, MODELS, ({ model: name }) => CLASSES[name] ?? TEXT);

const prices = (source: Record<string, unknown>) =>
  read(source).rows.map((row) => [row.model, row.class, row.fromInputTokens, row.picoUsdPerUnit]);

t.test('prices are exact, and classes that an entry leaves out cost as much as the plain ones', async (t) => {
  t.strictSame(
    prices({
      'gpt-4o-mini': {
        litellm_provider: 'openai',
        input_cost_per_token: 1.5e-7,
        cache_read_input_token_cost: '7.5e-08',
        output_cost_per_token: 6.000000000000001e-7,
      },
    }),
    [
      ['gpt-4o-mini', 'input', 0, 150_000n],
      ['gpt-4o-mini', 'cache_read', 0, 75_000n],
      ['gpt-4o-mini', 'cache_write', 0, 150_000n],
      ['gpt-4o-mini', 'output', 0, 600_000n],
      ['gpt-4o-mini', 'reasoning', 0, 600_000n],
    ],
  );
});

t.test('long prompts have tiers, and an hour in the cache its own price', async (t) => {
  const rows = prices({
    'claude-sonnet-4-5': {
      litellm_provider: 'anthropic',
      input_cost_per_token: 3e-6,
      input_cost_per_token_above_200k_tokens: 6e-6,
      output_cost_per_token: 1.5e-5,
      output_cost_per_token_above_200k_tokens: 2.25e-5,
      cache_creation_input_token_cost: 3.75e-6,
      cache_creation_input_token_cost_above_1hr: 6e-6,
      cache_read_input_token_cost: 3e-7,
    },
  });
  t.strictSame(
    rows.filter(([, , from]) => from === 200_001),
    [
      ['claude-sonnet-4-5', 'input', 200_001, 6_000_000n],
      ['claude-sonnet-4-5', 'cache_read', 200_001, 300_000n],
      ['claude-sonnet-4-5', 'cache_write', 200_001, 3_750_000n],
      ['claude-sonnet-4-5', 'cache_write_1h', 200_001, 6_000_000n],
      ['claude-sonnet-4-5', 'output', 200_001, 22_500_000n],
      ['claude-sonnet-4-5', 'reasoning', 200_001, 22_500_000n],
    ],
  );
  t.ok(
    rows.some(
      ([, unitClass, from, pico]) => unitClass === 'cache_write_1h' && from === 0 && pico === 6_000_000n,
    ),
  );
});

t.test('entries of others, and those that cannot be used, are left out', async (t) => {
  const result = read({
    sample_spec: { litellm_provider: 'one of https://docs.litellm.ai/docs/providers' },
    'bedrock/gpt-4o-mini': { litellm_provider: 'bedrock', input_cost_per_token: 1 },
    'gemini/gemini-2.5-pro': { litellm_provider: 'gemini', input_cost_per_token: 1.25e-6 },
    'gpt-4o-mini-2024-07-18': { litellm_provider: 'openai', input_cost_per_token: 9e-7 },
    'gpt-4o-mini': { litellm_provider: 'openai', input_cost_per_token: 1.5e-7 },
    'dall-e-3': { litellm_provider: 'openai', output_cost_per_image: 0.04 },
    'whisper-1': { litellm_provider: 'openai', input_cost_per_second: 0.0001 },
    'claude-sonnet-4-5': { litellm_provider: 'anthropic', input_cost_per_token: 1.5e-13 },
    'gpt-99': { litellm_provider: 'openai', input_cost_per_token: 1e-6 },
    nonsense: 5,
  });
  t.strictSame(
    result.rows
      .filter((row) => row.class === 'input' || row.class === 'audio_second')
      .map((row) => row.picoUsdPerUnit),
    [1_250_000n, 150_000n, 100_000_000n],
  );
  t.strictSame(result.unknown, [{ provider: 'openai', name: 'gpt-99' }]);
  t.match(result.skipped, [{ name: 'claude-sonnet-4-5', reason: /more precise than a pico-USD/ }]);
  t.match(read({ 'gpt-4o-mini': { litellm_provider: 'openai', input_cost_per_token: -1 } }).skipped, [
    { reason: 'input_cost_per_token is no price.' },
  ]);
});
