import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import t from 'tap';
import { countTokens, LONGEST_TOKEN_BYTES } from './count-tokens.ts';

const prose = 'The quick brown fox, aged 12, jumps over 3 lazy dogs; "why?" asked the größte of them.\n';

t.test('counts the same as the tokenizer, for every length', async (t) => {
  for (const repeats of [1, 90, 400]) {
    const text = prose.repeat(repeats);
    t.equal(await countTokens([text], 'o200k_base'), encode(text).length, `${repeats} times`);
  }
  t.equal(await countTokens([], 'o200k_base'), 0);
  t.equal(await countTokens(['', ''], 'cl100k_base'), 0);
});

t.test('special tokens are counted as text', async (t) => {
  t.ok((await countTokens(['<|endoftext|>'], 'o200k_base')) > 1);
});

t.test('a long run without breaks is counted by its bytes', async (t) => {
  const blob = 'x'.repeat(300_000);
  const tokens = await countTokens([blob], 'o200k_base');
  t.ok(tokens <= blob.length && tokens >= encode(blob.slice(0, 1000)).length);
  const glyphs = '漢'.repeat(20_000);
  t.ok((await countTokens([glyphs], 'o200k_base')) <= Buffer.byteLength(glyphs));
});

t.test('without a public tokenizer the bytes are the bound', async (t) => {
  t.equal(await countTokens(['größte', 'ab'], null), Buffer.byteLength('größte') + 2);
});

t.test('counting stops at enough tokens', async (t) => {
  const text = prose.repeat(4_000);
  const tokens = await countTokens([text], 'o200k_base', 100);
  t.ok(tokens >= 100 && tokens < 10_000, `${tokens}`);
  t.equal(await countTokens([prose], 'o200k_base', 100), encode(prose).length, 'less than enough is exact');
});

t.test('no token is longer than LONGEST_TOKEN_BYTES', async (t) => {
  for (const encoding of ['o200k_base', 'cl100k_base'] as const) {
    const { default: ranks } = await import(`gpt-tokenizer/bpeRanks/${encoding}`);
    const lengths = (ranks as (string | readonly number[] | undefined)[]).map((token) =>
      typeof token === 'string' ? Buffer.byteLength(token) : (token?.length ?? 0),
    );
    t.ok(lengths.length > 100_000, `${lengths.length} tokens`);
    t.ok(lengths.every((length) => length <= LONGEST_TOKEN_BYTES));
  }
});

t.test('yields to the event loop inside a large prompt', async (t) => {
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 0);
  await countTokens([prose.repeat(5_000)], 'o200k_base');
  clearInterval(timer);
  t.ok(turns > 5, `${turns} turns`);
});

t.test('yields to the event loop between many short texts', async (t) => {
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 0);
  await Promise.all(Array.from({ length: 400 }, () => countTokens([prose.repeat(20)], 'o200k_base')));
  clearInterval(timer);
  t.ok(turns > 5, `${turns} turns`);
});
