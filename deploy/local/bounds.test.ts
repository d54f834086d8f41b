/** Worst cases through the whole system: a provider that reports the largest plausible usage cannot pass a limit. */
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import t, { type Test } from 'tap';
import { testSegment } from '#libs/ledger/fixtures.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { startInstallation } from './installation.fixture.ts';

t.setTimeout(120_000);

async function customerWithLimit(t: Test, meter: string, n: bigint) {
  const { call, customer, keyOf, pool } = await startInstallation(t, 'default');
  const someone = await customer('enterprise');
  const key = await keyOf(someone);
  await call('/api/subscription/current', someone.token);
  await createLedger({ pool }).setLimits({
    accountId: someone.accountId,
    anchor: new Date('2026-01-01'),
    periodMonths: 1,
    segments: [testSegment({ meter, n })],
  });
  const usage = async () => {
    const { body } = await call('/api/subscription/usage', someone.token);
    return body.data.limits.find((limit: { meter: string }) => limit.meter === meter);
  };
  return { complete: (request: object) => call('/v1/chat/completions', key, request), usage };
}

t.test(
  'given a prompt of more bytes than the context window, when no limit has room for the window, then it is refused',
  async (t) => {
    const { complete, usage } = await customerWithLimit(t, 'cost', 1_400_000_000n);
    const words = 'the quick brown fox jumps over the lazy dog '.repeat(43_000);
    const answer = await complete({
      model: 'claude-opus-4-6',
      max_tokens: 100,
      messages: [{ role: 'user', content: `${words}[[simulate: fill_input=440000,fill]]` }],
    });
    // It has 440,000 tokens, for 2.20 USD. A million are held.
    t.match(answer, { status: 429, body: { error: { problem_code: 'limit_exceeded' } } });
    t.match(await usage(), { used: '0', held: '0' });
  },
);

/** What OpenAI's cookbook (`num_tokens_for_tools`) bills for one string parameter with an enum. */
function enumTokens(items: readonly string[]): number {
  const fixed = 7 + encode('f:').length + 3 + encode('x:string:').length + 12;
  return items.reduce((sum, item) => sum + 3 + encode(item).length, fixed);
}

/** Words of one token each. A space before each keeps the JSON from being one long run. */
const WORDS: string[] = [];
for (let i = 0; WORDS.length < 3_000; i += 1) {
  const word = ` ${i.toString(36)}`;
  if (/^ [a-z]{2,4}$/.test(word) && encode(word).length === 1) WORDS.push(word);
}

t.test(
  'given an enum of many short words, when the provider bills each item, then no limit is passed',
  async (t) => {
    const billed = enumTokens(WORDS) + 20;
    const limit = BigInt(billed - 1_000);
    const { complete, usage } = await customerWithLimit(t, 'tokens.total', limit);
    const properties = { x: { type: 'string', enum: WORDS } };
    const answer = await complete({
      model: 'gpt-4o-mini',
      max_tokens: 16,
      messages: [{ role: 'user', content: `hi [[simulate: fill_input=${billed}]]` }],
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object', properties } } }],
    });
    t.equal(answer.status, 429);
    t.match(await usage(), { used: '0', held: '0' });
  },
);
