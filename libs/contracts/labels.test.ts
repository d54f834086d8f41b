import t from 'tap';
import { limitText, meterLabel, modelLabel, nameLabel, priceText } from './labels.ts';
import { meterUnit } from './meter-unit.ts';

t.test('models have the names that their vendors write', async (t) => {
  for (const [model, label] of Object.entries({
    'gpt-4o-mini': 'GPT-4o mini',
    'gpt-3.5-turbo': 'GPT-3.5 turbo',
    gpt_image_1: 'GPT Image 1',
    'o4-mini': 'o4 Mini',
    'claude-haiku-4-5': 'Claude Haiku 4.5',
    'claude-3-5-sonnet': 'Claude 3.5 Sonnet',
    'gemini-2.5-flash-lite': 'Gemini 2.5 Flash Lite',
    'llama3.1:70b': 'Llama 3.1 70B',
    dalle3: 'DALL·E 3',
    grok2_basic: 'Grok 2 Basic',
  })) {
    t.equal(modelLabel(model), label);
  }
});

t.test('keys and meters become words', async (t) => {
  t.equal(nameLabel('api_access'), 'API access');
  t.equal(nameLabel('linkedin'), 'LinkedIn');
  t.equal(meterLabel('gen.blog'), 'Blog generations');
  t.equal(meterLabel('calls.openai'), 'OpenAI calls');
});

t.test('limits are read as on a page of prices', async (t) => {
  const text = (meter: string, window: 'day' | 'period' | 'total', n?: bigint) =>
    limitText(meter, meterUnit(meter), window, n === undefined ? { kind: 'unlimited' } : { kind: 'n', n });
  t.equal(text('cost', 'period', 40_000_000_000n), '$40.00 of AI usage per billing period');
  t.equal(text('tokens.total', 'day', 100_000n), '100,000 tokens per day');
  t.equal(text('tokens.openai', 'day', 1n), '1 OpenAI token per day');
  t.equal(text('audio.seconds', 'period', 3_600n), '60 minutes of audio per billing period');
  t.equal(text('audio.seconds', 'day', 60n), '1 minute of audio per day');
  t.equal(text('team.members', 'total', 5n), '5 team members');
  t.equal(text('brand_voices', 'total', 1n), '1 brand voice');
  t.equal(text('kb.bytes', 'total', 1n), '1 byte of knowledge base files');
  t.equal(text('requests.parallel', 'total', 1n), '1 request at the same time');
  t.equal(text('gen.blog', 'period', 1n), '1 blog generation per billing period');
  t.equal(text('images', 'period'), 'Unlimited images');
  t.equal(limitText('api.requests', 'count', 'day', { kind: 'disabled' }), 'No API requests');
});

t.test('prices have cents, and further digits where they count', async (t) => {
  t.equal(priceText('input', 2_500_000n), '$2.50 per 1M tokens');
  t.equal(priceText('output', 75_000n), '$0.075 per 1M tokens');
  t.equal(priceText('image', 40_000_000_000n), '$0.04 per image');
  t.equal(priceText('audio_second', 100_000_000n), '$0.0001 per audio second');
});
