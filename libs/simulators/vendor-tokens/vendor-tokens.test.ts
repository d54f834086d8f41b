import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import t from 'tap';
import { countAnthropicPrompt } from './anthropic-prompt.ts';
import { pngOfSize } from './fixtures.ts';
import { countGeminiPrompt } from './gemini-prompt.ts';
import { anthropicImages, GEMINI_IMAGES, imageTokens, openAiImages, sizeOfDataUrl } from './image-tokens.ts';
import { countOpenAiPrompt } from './openai-prompt.ts';
import { typeScriptOf } from './typescript-tools.ts';

const tokens = (text: string) => encode(text).length;

t.test("counts OpenAI's messages as the cookbook does", async (t) => {
  const messages = [
    { role: 'system', content: 'You are helpful.' },
    { role: 'user', name: 'ada', content: 'Why is ink blue?' },
  ];
  const expected =
    3 +
    (3 + tokens('system') + tokens('You are helpful.')) +
    (3 + tokens('user') + tokens('Why is ink blue?') + tokens('ada') + 1);
  t.equal(countOpenAiPrompt({ model: 'gpt-4o', messages }, 'openai', 'documented'), expected);
});

t.test("counts OpenAI's tools as the cookbook or the namespace, whichever is larger", async (t) => {
  const toolOf = (items: string[]) => [
    {
      name: 'paint',
      description: 'Paints.',
      parameters: { type: 'object', properties: { colour: { type: 'string', enum: items } } },
    },
  ];
  t.equal(
    typeScriptOf(toolOf(['red', 'blue'])),
    '# Tools\n\n## functions\n\nnamespace functions {\n\n// Paints.\ntype paint = (_: {\ncolour?: "red" | "blue",\n}) => any;\n\n} // namespace functions',
  );
  const added = (items: string[]) => {
    const plain = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hi' }] };
    const tools = toolOf(items).map((one) => ({ type: 'function', function: one }));
    return (
      countOpenAiPrompt({ ...plain, tools }, 'openai', 'documented') -
      countOpenAiPrompt(plain, 'openai', 'documented')
    );
  };
  // 3 for each item and its own token
  t.equal(
    added(Array.from({ length: 300 }, () => 'red')) - added(Array.from({ length: 200 }, () => 'red')),
    400,
  );
});

t.test('counts images by their size, and the largest where it is unknown', async (t) => {
  const sizes: [string, ReturnType<typeof openAiImages>, number, number, number][] = [
    ['gpt-4o, one tile', openAiImages('openai', 'gpt-4o'), 512, 512, 85 + 170],
    ['gpt-4o, a square', openAiImages('openai', 'gpt-4o'), 1024, 1024, 85 + 4 * 170],
    ['gpt-4o, a strip', openAiImages('openai', 'gpt-4o'), 10_000, 1, 85 + 4 * 170],
    ['gpt-4o-mini', openAiImages('openai', 'gpt-4o-mini'), 512, 512, 2833 + 5667],
    ['gpt-5-mini, patches', openAiImages('openai', 'gpt-5-mini'), 320, 320, 162],
    ['gpt-5-nano, at most 1536', openAiImages('openai', 'gpt-5-nano'), 9_000, 9_000, 3779],
    ['Claude 4', anthropicImages('claude-sonnet-4-5'), 280, 280, 100],
    ['Claude 4, large', anthropicImages('claude-sonnet-4-5'), 8_000, 8_000, 1568],
    ['Claude 5, large', anthropicImages('claude-opus-5'), 8_000, 8_000, 4784],
    ['Gemini, small', GEMINI_IMAGES, 384, 384, 258],
    ['Gemini, a strip', GEMINI_IMAGES, 30_000, 3_840, 258 * 24],
  ];
  for (const [name, formula, width, height, expected] of sizes)
    t.equal(imageTokens({ size: { width, height } }, formula, 'documented'), expected, name);
  t.strictSame(sizeOfDataUrl(pngOfSize(7, 9)), { width: 7, height: 9 });
  t.equal(sizeOfDataUrl('https://example.com/a.png'), undefined);
  const gpt4o = openAiImages('openai', 'gpt-4o');
  t.equal(imageTokens({ size: undefined }, gpt4o, 'documented'), 1445);
  t.equal(imageTokens({ size: { width: 9, height: 9 } }, gpt4o, 'most'), 1445);
  t.equal(imageTokens({ size: { width: 2048, height: 2048 }, isLowDetail: true }, gpt4o, 'documented'), 85);
});

t.test('counts a byte of the NFKC form as a token at most, where the tokenizer is not public', async (t) => {
  const anthropic = (content: string) =>
    countAnthropicPrompt({ model: 'claude-haiku-4-5', messages: [{ role: 'user', content }] }, 'most');
  t.equal(anthropic('\ufdfa'.repeat(100)) - anthropic(''), 3_300);
  t.equal(anthropic('plain') - anthropic(''), 5);
  const gemini = (text: string) =>
    countGeminiPrompt({ contents: [{ role: 'user', parts: [{ text }] }] }, 'most');
  t.equal(gemini('½'.repeat(10)) - gemini(''), 50);
});

t.test("counts Anthropic's prompt for tools", async (t) => {
  const plain = { model: 'claude-haiku-4-5', messages: [{ role: 'user', content: 'Hi' }] };
  const tool = { name: 'look', input_schema: { type: 'object' } };
  const most =
    countAnthropicPrompt({ ...plain, tools: [tool] }, 'most') - countAnthropicPrompt(plain, 'most');
  t.equal(most, 530 + 8 + JSON.stringify(tool).length);
});
