import fc from 'fast-check';
import t from 'tap';
import { CONTENT_TYPES, type GenerateRequest } from '#libs/contracts/generate.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { ModelPriceWire } from '#libs/pricing/price-wire.ts';
import { carriedBytes, cutToBytes, planContent, plannedPrompt } from './content.ts';
import type { ContentStep, StepResults } from './content-prompts.ts';

const model: ModelInfo = {
  provider: 'openai',
  model: 'gpt-4o-mini',
  aliases: [],
  upstreamModel: 'gpt-4o-mini',
  kind: 'text',
  contextWindow: 128_000,
  maxOutputTokens: 16_384,
  maxImageInputTokens: 0,
  tokenizer: 'o200k_base',
  capabilities: { vision: true, tools: true, jsonSchema: true, reasoning: false, streaming: true },
};
const price: ModelPriceWire = { provider: 'openai', model: 'gpt-4o-mini', version: 'v', tiers: [] };

const plan = (
  request: Partial<GenerateRequest> = {},
  rest: { scale?: number; outputTokensCap?: number | null } = {},
) =>
  planContent({
    request: { topic: 'ink', content_types: ['blog'], ...request },
    model,
    price,
    outputTokensCap: null,
    ...rest,
  });

t.test('a blog is researched, written and edited; social posts come from it', async (t) => {
  const steps = (types: GenerateRequest['content_types']) =>
    plan({ content_types: types }).calls.map(({ step }) => step);
  t.strictSame(steps(['blog']), ['research', 'write', 'edit']);
  t.strictSame(steps(['social']), ['research', 'write', 'edit', 'social']);
  t.strictSame(steps(['social', 'blog']), ['research', 'write', 'edit', 'social']);
});

t.test('what was asked for is counted once, with the step that completes it', async (t) => {
  const counts = (types: GenerateRequest['content_types']) =>
    plan({ content_types: types }).calls.flatMap((call) => Object.keys(call.counts));
  t.strictSame(counts(['blog']), ['gen.blog']);
  t.strictSame(counts(['social']), ['gen.social'], 'the article behind the posts is not a blog');
  t.strictSame(counts(['blog', 'social']), ['gen.blog', 'gen.social']);
});

t.test('caps never pass the plan, the model or the scale', async (t) => {
  for (const call of plan({}, { outputTokensCap: 300 }).calls) t.ok(call.outputTokens <= 300);
  for (const call of plan({}, { scale: 0.2 }).calls) t.ok(call.outputTokens <= 240);
});

t.test('no prompt ever has more bytes than its call was planned with', async (t) => {
  const text = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
    .filter((value) => value.trim() !== '');
  fc.assert(
    fc.property(
      fc.record({
        topic: text,
        content_types: fc.subarray([...CONTENT_TYPES], { minLength: 1 }),
        tone: text,
        audience: text,
        language: text,
      }),
      fc.double({ min: 0.05, max: 1, noNaN: true }),
      fc.string({ unit: 'grapheme', maxLength: 4000 }),
      fc.integer({ min: 1, max: 40 }),
      (request, scale, produced, repeats) => {
        const planned = plan(request, { scale });
        const results: StepResults = {};
        for (const call of planned.calls) {
          const { system, user } = plannedPrompt(planned, call, request, results);
          if (Buffer.byteLength(system + user) > call.inputTokens) return false;
          results[call.step as ContentStep] = produced.repeat(repeats);
        }
        return true;
      },
    ),
  );
  t.pass();
});

t.test('a text is cut between characters', async (t) => {
  t.equal(cutToBytes('größte', 100), 'größte');
  t.equal(cutToBytes('größte', 3), 'gr');
  t.equal(cutToBytes('🖋🖋', 7), '🖋');
  t.ok(Buffer.byteLength(cutToBytes('漢'.repeat(9000), carriedBytes(500))) <= carriedBytes(500));
});
