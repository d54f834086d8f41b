import fc from 'fast-check';
import t from 'tap';
import { generateRequest } from '#libs/contracts/generate.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';
import { contentSteps, planContent, promptOf, sourceOf } from './content.ts';
import type { ContentStep } from './content-prompts.ts';
import { overheadTokens } from './prompt-bound.ts';

const price: ModelPriceWire = {
  provider: 'openai',
  model: 'gpt-4o',
  version: 'openai/gpt-4o@2024-10-02T00:00:00.000Z',
  tiers: [{ from_input_tokens: 0, pico_usd_per_unit: { input: '2500000', output: '10000000' } }],
};

const model: ModelInfo = {
  provider: 'openai',
  model: 'gpt-4o',
  aliases: [],
  upstreamModel: 'gpt-4o',
  kind: 'text',
  contextWindow: 128_000,
  maxOutputTokens: 16_384,
  maxImageInputTokens: 0,
  tokenizer: 'o200k_base',
  capabilities: { vision: true, tools: true, jsonSchema: true, reasoning: false, streaming: true },
};

const request = generateRequest.parse({ topic: 'rivers', content_types: ['social'] });
const ordinary = { request, model, price, outputTokensCap: null };

t.test('an article takes three calls, posts a fourth, and successes are counted', async (t) => {
  const blog = planContent({ ...ordinary, request: generateRequest.parse({ topic: 'rivers' }) });
  t.strictSame(
    blog.calls.map(({ index, step, outputTokens, counts }) => ({ index, step, outputTokens, counts })),
    [
      { index: 0, step: 'research', outputTokens: 500, counts: {} },
      { index: 1, step: 'write', outputTokens: 1_200, counts: {} },
      { index: 2, step: 'edit', outputTokens: 1_200, counts: { 'gen.blog': 1 } },
    ],
  );
  const both = planContent(ordinary);
  t.equal(both.kind, 'generate');
  t.match(both.calls[3], { index: 3, step: 'social', outputTokens: 500, counts: { 'gen.social': 1 } });
});

t.test('caps follow the plan, the scale and the model', async (t) => {
  const caps = (input: Partial<Parameters<typeof planContent>[0]>) =>
    planContent({ ...ordinary, ...input }).calls.map(({ outputTokens }) => outputTokens);
  t.strictSame(caps({ outputTokensCap: 700 }), [500, 700, 700, 500]);
  t.strictSame(caps({ scale: 0.5 }), [250, 600, 600, 250]);
  t.strictSame(caps({ scale: 0.01 }), [64, 64, 64, 64], 'never nothing');
  t.strictSame(caps({ outputTokensCap: 10 }), [10, 10, 10, 10], 'the plan has the last word');
  t.strictSame(caps({ model: { ...model, maxOutputTokens: 800 } }), [500, 800, 800, 500]);
});

t.test('a reasoning model gets tokens to reason with, and a low effort', async (t) => {
  const reasoning = { ...model, capabilities: { ...model.capabilities, reasoning: true } };
  const [first] = planContent({ ...ordinary, model: reasoning }).calls;
  t.match(first, { outputTokens: 1_524, reasoningEffort: 'low' });
  const [other] = planContent({ ...ordinary, model: { ...reasoning, provider: 'xai' } }).calls;
  t.notHas(other, { reasoningEffort: 'low' });
});

const bytesOf = (step: ContentStep, carried: string, inputTokens: number, asked = request) => {
  const messages = promptOf(step, asked, carried, inputTokens);
  const bytes = messages.reduce((sum, { content }) => sum + Buffer.byteLength(content as string), 0);
  return bytes + overheadTokens({ model: '', messages });
};

t.test('the prompt of every step stays within its planned bound', async (t) => {
  const text = fc.string({ unit: 'grapheme', maxLength: 3_000 });
  const property = fc.property(
    fc.record({
      topic: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 400 }).filter((s) => s.trim() !== ''),
      tone: fc.option(fc.constant('expert'), { nil: undefined }),
      language: fc.option(fc.constant('日本語'), { nil: undefined }),
    }),
    fc.array(text, { minLength: 1, maxLength: 6 }),
    fc.double({ min: 0.01, max: 1, noNaN: true }),
    fc.constantFrom(8_192, 128_000),
    (fields, texts, scale, contextWindow) => {
      const asked = generateRequest.parse({ ...fields, content_types: ['blog', 'social'] });
      const input = { ...ordinary, request: asked, model: { ...model, contextWindow }, scale };
      for (const { step, inputTokens } of planContent(input).calls) {
        const carried = sourceOf(step as ContentStep) === null ? '' : texts.join(' ');
        if (bytesOf(step as ContentStep, carried, inputTokens, asked) > inputTokens) return false;
      }
      return true;
    },
  );
  t.doesNotThrow(() => fc.assert(property, { numRuns: 200 }));
});

t.test('a text of usual length is carried over whole', async (t) => {
  const draft = 'A sentence of ordinary English words, with commas. '.repeat(90);
  for (const { step, inputTokens } of planContent(ordinary).calls.slice(1)) {
    const carried = step === 'edit' ? draft : draft.slice(0, 2_000);
    const [, user] = promptOf(step as ContentStep, request, carried, inputTokens);
    t.ok(String(user?.content).endsWith(carried), step);
  }
});

t.test('a request that was not planned is rejected', async (t) => {
  const longer = generateRequest.parse({ topic: 'x'.repeat(500) });
  const [first] = planContent(ordinary).calls;
  t.throws(() => promptOf('research', longer, '', first?.inputTokens ?? 0), RangeError);
});

t.test('steps depend on the steps before them', async (t) => {
  const steps = contentSteps(request);
  t.strictSame(steps, ['research', 'write', 'edit', 'social']);
  steps.forEach((step, index) => {
    const from = sourceOf(step);
    t.ok(from === null || steps.indexOf(from) < index, step);
  });
});
