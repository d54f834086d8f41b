/**
 * The bound of a prompt against an independent count: the request that the provider gets, counted by the simulators as the
 * vendor documents it, for every text model of the price book.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { type ChatCompletionRequest, chatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import { fixedPromptBound, promptBound, promptTexts } from '#libs/pipelines/prompt-bound.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { parsePriceBook } from '#libs/pricing/price-book.ts';
import { countAnthropicPrompt } from '#libs/simulators/vendor-tokens/anthropic-prompt.ts';
import { mp3OfBytes, pdfOfPages, pngOfSize, wavOfSeconds } from '#libs/simulators/vendor-tokens/fixtures.ts';
import { countGeminiPrompt } from '#libs/simulators/vendor-tokens/gemini-prompt.ts';
import { countOpenAiPrompt } from '#libs/simulators/vendor-tokens/openai-prompt.ts';
import type { CountMode } from '#libs/simulators/vendor-tokens/text-tokens.ts';
import { readsParts } from '#services/gateway/chat/domain/check-parts.ts';
import { boundWithinWindow, countPrompt } from '#services/gateway/metering/prompt-tokens.ts';
import { toAnthropicRequest } from '#services/generation/providers/anthropic/request.ts';
import { chatWith } from '#services/generation/providers/fixtures.ts';
import { toGeminiRequest } from '#services/generation/providers/gemini/request.ts';
import { upstreamBody } from '#services/generation/providers/openai/request-body.ts';
import { VENDORS } from '#services/generation/providers/openai/vendors.ts';
import { defaultPricesPath } from './bootstrap.ts';

t.setTimeout(170_000);

const MODELS = parsePriceBook(readFileSync(defaultPricesPath, 'utf8')).models.filter(
  ({ kind }) => kind === 'text',
);
const modelNamed = (name: string) => MODELS.find(({ model }) => model === name) as ModelInfo;

/** What the vendor bills for a request, as its provider gets it. */
function billedTokens(request: ChatCompletionRequest, model: ModelInfo, mode: CountMode): number {
  const { provider, upstreamModel } = model;
  const chat = chatWith(request, { upstreamModel, outputTokens: 100 });
  if (provider === 'anthropic') return countAnthropicPrompt({ ...toAnthropicRequest(chat) }, mode);
  if (provider === 'gemini')
    return countGeminiPrompt({ ...toGeminiRequest(chat), model: upstreamModel }, mode);
  const vendor = VENDORS[provider as keyof typeof VENDORS];
  return countOpenAiPrompt({ ...upstreamBody(chat, vendor, false) }, provider, mode);
}

const promptOf = (request: ChatCompletionRequest, model: ModelInfo) => ({
  contextWindow: model.contextWindow,
  enforcesWindow: model.enforcesWindow === true,
  byteBound: promptBound(request, model),
  fixedBound: fixedPromptBound(request, model),
  texts: promptTexts(request),
  tokenizer: model.tokenizer,
});

const word = fc.oneof(
  fc.lorem({ maxCount: 3 }),
  fc.constantFrom(
    'سلام',
    'नमस्ते',
    '茶の庭',
    '안녕하세요',
    'Überraschung',
    'Ελλάδα',
    'Здравствуйте',
    'שלום',
    'ⲁⲃⲅ',
    '𒀀𒁀',
    '𓀀𓂀',
  ),
  // NFKC makes these longer.
  fc.constantFrom('\ufdfa', '\ufdfb', '㍿', '㎥', '½', 'ﬃ', '🄀', '㋿'),
  fc.constantFrom(
    '👩‍👩‍👧‍👦',
    '🏳️‍🌈',
    '\u200b',
    '   ',
    '\n\n\t',
    '—',
    '<|endoftext|>',
    '0123456789',
    '{"a":[1,2]}',
    '\\"\\',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
);
const text = fc.array(word, { maxLength: 30 }).map((words) => words.join(' '));
const spacelessText = fc.array(word, { maxLength: 12 }).map((words) => words.join(''));
const anyText = fc.oneof(text, spacelessText);

const side = fc.oneof(
  fc.integer({ min: 1, max: 64 }),
  fc.integer({ min: 1, max: 4_000 }),
  fc.integer({ min: 4_000, max: 30_000 }),
);
const image = fc.record({
  type: fc.constant('image_url'),
  image_url: fc.record(
    {
      url: fc.tuple(side, side).map(([width, height]) => pngOfSize(width, height)),
      detail: fc.constantFrom('auto', 'low', 'high'),
    },
    { requiredKeys: ['url'] },
  ),
});
const textPart = fc.record({ type: fc.constant('text'), text: anyText });
const document = fc.integer({ min: 1, max: 20 }).map((pages) => ({
  type: 'file',
  file: { file_data: `data:application/pdf;base64,${pdfOfPages(pages)}`, filename: 'a report.pdf' },
}));
const recording = fc
  .oneof(
    fc
      .integer({ min: 1, max: 60 })
      .map((seconds) => ({ data: wavOfSeconds(seconds, { rate: 8_000, bits: 8 }), format: 'wav' })),
    fc.integer({ min: 1_000, max: 60_000 }).map((bytes) => ({ data: mp3OfBytes(bytes), format: 'mp3' })),
  )
  .map((input_audio) => ({ type: 'input_audio', input_audio }));

const { schema } = fc.letrec<{ schema: object }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3 },
    fc.record({ type: fc.constantFrom('string', 'number', 'boolean') }),
    fc.record({ type: fc.constant('string'), description: text }),
    fc.record({
      type: fc.constant('string'),
      enum: fc.array(fc.oneof(fc.lorem({ maxCount: 1 }), anyText), { minLength: 1, maxLength: 40 }),
    }),
    fc.record({ type: fc.constant('array'), items: tie('schema') }),
    fc.record({
      type: fc.constant('object'),
      properties: fc.dictionary(
        fc.oneof(fc.stringMatching(/^[a-z]{1,3}$/), fc.lorem({ maxCount: 1 })),
        tie('schema'),
        { maxKeys: 6 },
      ),
    }),
  ),
}));
const objectSchema = fc.record({
  type: fc.constant('object'),
  properties: fc.dictionary(fc.stringMatching(/^[a-z_]{1,12}$/), schema, { maxKeys: 6 }),
});
const functionName = fc.stringMatching(/^[a-zA-Z0-9_-]{1,64}$/);
const tool = fc.record({
  type: fc.constant('function'),
  function: fc.record(
    { name: functionName, description: text, parameters: objectSchema },
    { requiredKeys: ['name'] },
  ),
});

const message = fc.oneof(
  fc.record({ role: fc.constantFrom('system', 'developer'), content: anyText }),
  fc.record(
    { role: fc.constant('user'), content: anyText, name: fc.lorem({ maxCount: 1 }) },
    { requiredKeys: ['role', 'content'] },
  ),
  fc.record({
    role: fc.constant('user'),
    content: fc.array(fc.oneof(textPart, image, document, recording), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ role: fc.constant('assistant'), content: anyText }),
);
/** A call of a tool and its result. */
const toolTurn = fc
  .tuple(fc.stringMatching(/^[a-z0-9_]{1,24}$/), functionName, fc.json(), anyText)
  .map(([id, name, given, result]) => [
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id, type: 'function', function: { name, arguments: given } }],
    },
    { role: 'tool', tool_call_id: id, content: result },
  ]);
const messages = fc
  .array(
    fc.oneof({ weight: 4, arbitrary: message.map((one) => [one]) }, { weight: 1, arbitrary: toolTurn }),
    { minLength: 1, maxLength: 5 },
  )
  .map((turns) => [...turns.flat(), { role: 'user', content: 'Go on.' }]);

const request = fc
  .record(
    {
      model: fc.constant('any'),
      messages,
      tools: fc.array(tool, { minLength: 1, maxLength: 4 }),
      response_format: fc.record({
        type: fc.constant('json_schema'),
        json_schema: fc.record({
          name: fc.constant('answer'),
          description: fc.lorem(),
          schema: objectSchema,
        }),
      }),
    },
    { requiredKeys: ['model', 'messages'] },
  )
  .map((body) => chatCompletionRequest.parse(body));

t.test('no prompt has more tokens than its bounds', async (t) => {
  const property = fc.asyncProperty(request, fc.constantFrom(...MODELS), async (body, model) => {
    fc.pre(readsParts(body, model));
    const prompt = promptOf(body, model);
    const counted = model.tokenizer === null ? prompt.byteBound : await countPrompt(prompt);
    for (const mode of ['documented', 'most'] as const) {
      const billed = billedTokens(body, model, mode);
      // The vendor refuses what exceeds its window.
      if (billed > prompt.contextWindow && prompt.enforcesWindow) continue;
      if (billed > prompt.byteBound || billed > counted)
        throw new Error(
          `${model.model} bills ${billed} (${mode}); bounds ${prompt.byteBound} and ${counted}`,
        );
    }
  });
  await t.resolves(fc.assert(property, { numRuns: 400 }));
});

t.test('no image has more tokens than the price book says, at any aspect ratio', async (t) => {
  const pictures = MODELS.filter(({ capabilities }) => capabilities.vision);
  const without = (model: ModelInfo) =>
    billedTokens(
      chatCompletionRequest.parse({ model: 'any', messages: [{ role: 'user', content: 'x' }] }),
      model,
      'most',
    );
  const property = fc.property(side, side, fc.constantFrom(...pictures), (width, height, model) => {
    const content = [
      { type: 'text', text: 'x' },
      { type: 'image_url', image_url: { url: pngOfSize(width, height) } },
    ];
    const body = chatCompletionRequest.parse({ model: 'any', messages: [{ role: 'user', content }] });
    const around = 8;
    for (const mode of ['documented', 'most'] as const) {
      const added = billedTokens(body, model, mode) - without(model);
      if (added > model.maxImageInputTokens + around)
        throw new Error(
          `${model.model} bills ${added} for ${width}x${height} (${mode}), not ${model.maxImageInputTokens}`,
        );
    }
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 2_000 }));
});

t.test('a prompt near the context window is bounded, or refused', async (t) => {
  /** Small windows, with and without a public tokenizer. */
  const small: ModelInfo[] = [
    modelNamed('gpt-4'),
    modelNamed('gpt-3.5-turbo'),
    { ...modelNamed('gpt-4o'), contextWindow: 12_000 },
    { ...modelNamed('claude-haiku-4-5'), contextWindow: 12_000 },
    { ...modelNamed('gemini-2.5-flash'), contextWindow: 12_000 },
  ];
  let accepted = 0;
  let refused = 0;
  const property = fc.asyncProperty(
    fc.constantFrom(...small),
    fc.array(word, { minLength: 5, maxLength: 20 }),
    fc.double({ min: 0.9, max: 1.1, noNaN: true }),
    // Hardly a prompt is refused whose bytes are around the window.
    fc.constantFrom(true, false, false),
    async (model, words, share, isByBytes) => {
      const unit = `${words.join(' ')} `;
      const bodyOf = (count: number) =>
        chatCompletionRequest.parse({
          model: 'any',
          messages: [{ role: 'user', content: unit.repeat(count) }],
        });
      // Around the window in the vendor's tokens, or in bytes.
      const one = isByBytes ? Buffer.byteLength(unit) : billedTokens(bodyOf(20), model, 'documented') / 20;
      const body = bodyOf(Math.max(1, Math.round((model.contextWindow * share) / one)));
      const billed = Math.max(billedTokens(body, model, 'documented'), billedTokens(body, model, 'most'));
      const bound = await boundWithinWindow(promptOf(body, model)).catch((error: { code?: string }) => {
        if (error.code !== 'prompt_too_large') throw error;
        return null;
      });
      if (bound === null) refused += 1;
      else accepted += 1;
      const paid = model.enforcesWindow === true && billed > model.contextWindow ? 0 : billed;
      return bound === null || (paid <= bound && bound <= model.contextWindow);
    },
  );
  await t.resolves(fc.assert(property, { numRuns: 240 }));
  t.ok(accepted >= 10 && refused >= 10, `${accepted} accepted, ${refused} refused`);
});
