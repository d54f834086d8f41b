import fc from 'fast-check';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import t from 'tap';
import { countPromptTokens, countTokens, createPromptMemory } from './usage.ts';

const promptOf = (parts: string[], cacheMarks: number[] = []) => ({
  parts,
  imageTokens: 0,
  system: '',
  user: '',
  toolResult: undefined,
  cacheMarks,
  cacheForAnHour: false,
});

t.test('counts about four characters a token, and at least one', async (t) => {
  t.strictSame([0, 1, 4, 5, 400].map(countTokens), [1, 1, 1, 2, 100]);
  t.equal(countPromptTokens([]), 1);
  t.equal(countPromptTokens(['Write about tea,', 'then stop.']), 5);
  t.equal(countPromptTokens(['Sie trinkt  grünen Tee um 16h, don’t you?']), 9);
  t.equal(countPromptTokens(["She drinks  green tea at 16h, don't you?"]), 9);
});

t.test('never counts more in a prompt than a real tokenizer does', async (t) => {
  const word = fc.constantFrom(
    'tea',
    "don't",
    'it’s',
    '1234',
    '{"a":1}',
    'Überraschung',
    '茶の庭',
    'x'.repeat(40),
    '\n\n',
    '—',
  );
  const text = fc.oneof(
    fc.array(word).map((list) => list.join(' ')),
    fc.string({ unit: 'grapheme' }),
  );
  fc.assert(
    fc.property(text, (prompt) => countPromptTokens([prompt]) <= Math.max(1, encode(prompt).length)),
    { numRuns: 2000 },
  );
  t.pass('held for 2000 prompts');
});

t.test('remembers prompts per model, from 1024 tokens on', async (t) => {
  const memory = createPromptMemory();
  const long = promptOf(['Tea '.repeat(2000)]);
  const read = (model: string, prompt = long, tokens = 2000) =>
    memory.readAgain(model, prompt, tokens).cacheRead;
  t.equal(read('a'), 0);
  t.equal(read('a'), 1920);
  t.equal(read('b'), 0, 'another model');
  t.equal(read('a', promptOf([`${'Tea '.repeat(1500)}${'and '.repeat(500)}`])), 1408, 'a common prefix');
  t.equal(read('a', promptOf(['Tea ']), 1), 0, 'too short');
  memory.clear();
  t.equal(read('a'), 0);
});

t.test('reads up to the last known mark and stores up to the last mark', async (t) => {
  const memory = createPromptMemory();
  const tools = 'Tea '.repeat(2000);
  const read = (parts: string[], marks: number[], tokens: number) =>
    memory.readMarked('a', promptOf(parts, marks), tokens);
  t.strictSame(read([tools, 'Hello'], [1], 2000), { cacheRead: 0, cacheWrite: 1998 });
  t.strictSame(read([tools, tools], [1, 2], 4000), { cacheRead: 2000, cacheWrite: 2000 });
  t.strictSame(read(['Hello'], [1], 1), { cacheRead: 0, cacheWrite: 0 }, 'too short');
});
