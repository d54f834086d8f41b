import fc from 'fast-check';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import t from 'tap';
import { type ChatCompletionRequest, chatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { mp3OfBytes, pdfOfPages } from '#libs/simulators/vendor-tokens/fixtures.ts';
import { fixedPromptBound, promptBound, promptTexts, structuredTexts } from './prompt-bound.ts';
import { hasMedia } from './prompt-parts.ts';

const model: ModelInfo = {
  provider: 'openai',
  model: 'gpt-4o',
  aliases: [],
  upstreamModel: 'gpt-4o',
  kind: 'text',
  contextWindow: 128_000,
  maxOutputTokens: 16_384,
  maxImageInputTokens: 1_445,
  tokenizer: 'o200k_base',
  capabilities: { vision: true, tools: true, jsonSchema: true, reasoning: false, streaming: true },
};

const parse = (request: unknown): ChatCompletionRequest => chatCompletionRequest.parse(request);

/** Tokens that OpenAI bills for plain messages: 3 around each, and 3 that start the completion. */
const billedTokens = (texts: string[]) => texts.reduce((sum, text) => sum + encode(text).length + 4, 3);

t.test('the bound from bytes is never below the billed tokens', async (t) => {
  const texts = fc.array(fc.string({ unit: 'grapheme', maxLength: 200 }), { minLength: 1, maxLength: 8 });
  const property = fc.property(texts, (contents) => {
    const messages = contents.map((content) => ({ role: 'user', content }));
    return promptBound(parse({ model: 'gpt-4o', messages }), model) >= billedTokens(contents);
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 300 }));
});

t.test('the counted bound is closer, and never below the billed tokens', async (t) => {
  const texts = fc.array(fc.lorem({ maxCount: 40 }), { minLength: 1, maxLength: 8 });
  const property = fc.property(texts, (contents) => {
    const request = parse({
      model: 'gpt-4o',
      messages: contents.map((content) => ({ role: 'user', content })),
    });
    const counted = [...promptTexts(request)].reduce((sum, text) => sum + encode(text).length, 0);
    const close = fixedPromptBound(request, model) + counted;
    return close >= billedTokens(contents) && close <= promptBound(request, model);
  });
  t.doesNotThrow(() => fc.assert(property));
});

t.test('every text of the prompt is counted; images have their own bound', async (t) => {
  const request = parse({
    model: 'gpt-4o',
    messages: [
      { role: 'system', content: 'alpha' },
      {
        role: 'user',
        name: 'beta',
        content: [
          { type: 'text', text: 'gamma' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(5000)}` } },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'call_1', type: 'function', function: { name: 'delta', arguments: '{"epsilon":1}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'zeta' },
    ],
    tools: [
      { type: 'function', function: { name: 'delta', description: 'eta', parameters: { type: 'object' } } },
    ],
    response_format: { type: 'json_schema', json_schema: { name: 'theta', schema: { title: 'iota' } } },
  });
  const read = [...promptTexts(request), ...structuredTexts(request)].join(' ');
  for (const word of [
    'alpha',
    'beta',
    'gamma',
    'delta',
    'epsilon',
    'zeta',
    'eta',
    'theta',
    'iota',
    'call_1',
  ]) {
    t.match(read, word);
  }
  t.notMatch(read, 'AAAA');
  t.ok(hasMedia(request));
  t.ok(fixedPromptBound(request, model) >= model.maxImageInputTokens);
});

t.test('the bound has room for what vendors add', async (t) => {
  const bare = { model: 'gpt-4o', messages: [{ role: 'user', content: '' }] };
  const fixed = (change: object) => fixedPromptBound(parse({ ...bare, ...change }), model);
  const added = (change: object) => fixed(change) - fixed({});
  const text = { type: 'text', text: '' };
  const image = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } };
  const format = (schema: object) => ({
    response_format: { type: 'json_schema', json_schema: { name: 'a', schema } },
  });
  const tool = { type: 'function', function: { name: 'a', description: 'x'.repeat(1_000) } };
  const enumOf = (count: number) => ({ enum: Array.from({ length: count }, (_, index) => index % 10) });

  t.ok(fixed({}) >= 64 + 16, 'around the prompt');
  t.ok(added({ messages: [...bare.messages, ...bare.messages] }) >= 16, 'around each message');
  t.ok(added({ messages: [{ role: 'user', content: [text, text] }] }) >= 2 * 8, 'around each part');
  t.ok(
    added({ messages: [{ role: 'user', content: [image, image] }] }) >= 2 * model.maxImageInputTokens,
    'each image',
  );
  t.ok(added({ tools: [tool] }) >= 600 + 1_000, 'the system prompt for tools, and their definitions');
  t.ok(added({ response_format: { type: 'json_object' } }) >= 600, 'the system prompt for a format');
  t.ok(added(format(enumOf(101))) - added(format(enumOf(1))) >= 100 * (2 + 4), 'each item of an enum');
});

t.test('the bound is not limited to the context window', async (t) => {
  const request = parse({ model: 'gpt-4o', messages: [{ role: 'user', content: 'x'.repeat(1_000_000) }] });
  t.ok(promptBound(request, model) > 1_000_000);
});

t.test('a character that NFKC expands counts with its longer form', async (t) => {
  const messages = [{ role: 'user', content: '\ufdfa'.repeat(1_000) }];
  t.ok(promptBound(parse({ model: 'gpt-4o', messages }), model) >= 33_000);
});

t.test('documents and recordings count at what their model documents, or without a bound', async (t) => {
  const part = { type: 'file', file: { file_data: `data:application/pdf;base64,${pdfOfPages(1)}` } };
  const audio = (data: string) => ({ type: 'input_audio', input_audio: { data, format: 'mp3' } });
  const bound = (content: object, change: Partial<ModelInfo>) =>
    fixedPromptBound(parse({ model: 'm', messages: [{ role: 'user', content: [content] }] }), {
      ...model,
      ...change,
    });
  const text = bound({ type: 'text', text: '' }, {});
  t.equal(bound(part, {}), Number.POSITIVE_INFINITY);
  t.equal(bound(part, { maxPageInputTokens: 258 }), text + 258_000, 'no document has more than 1,000 pages');
  t.equal(bound(audio(mp3OfBytes(10_000)), { maxAudioTokensPerSecond: 32 }), text + 320);
  t.equal(bound(audio('AAAA'), { maxAudioTokensPerSecond: 32 }), Number.POSITIVE_INFINITY, 'is no recording');
  t.equal(bound(audio(mp3OfBytes(10_000)), {}), Number.POSITIVE_INFINITY);
});
