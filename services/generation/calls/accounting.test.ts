/** From the record of a call to its usage row: measuring, pricing, settling. */
import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import type { SettleAnswer, SettleRequest } from '#libs/ledger/types.ts';
import { createLogger } from '#libs/service/logger.ts';
import { chatPlan } from '../fixtures.ts';
import { ProviderError } from '../providers/domain/provider-error.ts';
import type { EndReason } from '../requests/domain/active-requests.ts';
import type { Spool, SpoolEntry } from '../spool/domain.ts';
import type { CallMetrics } from './domain/call-metrics.ts';
import { CallRecord } from './domain/call-record.ts';
import { countTokens } from './domain/count-tokens.ts';
import { failureOf } from './domain/failure.ts';
import { measure, type Outcome } from './domain/measure.ts';
import { priceCall } from './domain/price-call.ts';
import { createSettlement } from './domain/settlement.ts';

const [openai] = chatPlan('openai').calls as [PlannedCall];
const [anthropic] = chatPlan('anthropic').calls as [PlannedCall];

const OK: Outcome = { status: 'ok', errorCode: null, mayBeBilled: true };
const ABORTED: Outcome = { status: 'aborted', errorCode: 'client_closed_request', mayBeBilled: true };
const FAILED: Outcome = { status: 'error', errorCode: 'provider_error', mayBeBilled: false };
const SILENT: Outcome = { status: 'error', errorCode: 'provider_timeout', mayBeBilled: true };

const recordOf = (fields: object, call = openai) => Object.assign(new CallRecord(call), fields);

/** A model that may bill reasoning that it does not send. */
const reasoner: PlannedCall = { ...openai, hiddenReasoning: true };
const BOUND = { units: null, source: 'bound' };

t.test('measuring', async (t) => {
  const partial = { units: { input: 12, cache_read: 3, output: 1 }, final: false };
  const rows: [string, PlannedCall, object, Outcome, object][] = [
    [
      'final figures are taken as they are, above the cap too',
      openai,
      { usage: { units: { input: 5, output: 9_999 }, final: true }, text: 'hello' },
      OK,
      { units: { input: 5, output: 9_999 }, source: 'provider' },
    ],
    [
      'also of a call that then failed',
      openai,
      { usage: { units: { input: 5, output: 2 }, final: true } },
      FAILED,
      { units: { input: 5, output: 2 }, source: 'provider' },
    ],
    [
      'without any, output is counted and input is the bound',
      openai,
      { text: 'hello world', isComplete: true },
      OK,
      { units: { input: 500, output: 2 }, source: 'counted' },
    ],
    [
      'without a tokenizer, by bytes',
      anthropic,
      { text: 'x'.repeat(31), isComplete: true },
      OK,
      { units: { input: 500, output: 11 }, source: 'estimated' },
    ],
    [
      'what the provider said of the input holds',
      anthropic,
      { usage: partial, text: 'x'.repeat(31), isComplete: true },
      OK,
      { units: { input: 12, cache_read: 3, output: 11 }, source: 'estimated' },
    ],
    [
      'never more than the cap, which the provider kept',
      anthropic,
      { text: 'x'.repeat(3_000), isComplete: true },
      OK,
      { units: { input: 500, output: 60 }, source: 'estimated' },
    ],
    [
      'shown thinking is reasoning',
      anthropic,
      { reasoning: 'y'.repeat(30), text: 'x', isComplete: true },
      OK,
      { units: { input: 500, output: 1, reasoning: 10 }, source: 'estimated' },
    ],
    ['a failure before output came to nothing', openai, { isInFlight: true }, FAILED, { units: {} }],
    ['so did a call we ended while it was not with the provider', openai, {}, ABORTED, { units: {} }],
    ['a call that we ended before anything arrived is unknown', openai, { isInFlight: true }, ABORTED, BOUND],
    ['so is one whose provider was silent', openai, { isInFlight: true }, SILENT, BOUND],
    [
      'so is an answer that arrives as a whole and did not',
      openai,
      { isInFlight: true, hasBegun: true },
      ABORTED,
      BOUND,
    ],
    [
      'so is text of a model that may have reasoned',
      reasoner,
      { text: 'hello', isStreamed: true, hasBegun: true },
      ABORTED,
      BOUND,
    ],
    ['also if the answer is complete', reasoner, { text: 'hello', isComplete: true }, OK, BOUND],
    [
      'so is an answer of which a part may be missing',
      openai,
      { text: 'hello', isStreamed: true, hasBegun: true },
      { ...SILENT, mayLackOutput: true },
      BOUND,
    ],
    [
      'a stream of plain text that we ended is counted',
      openai,
      { text: 'hello world', isStreamed: true, hasBegun: true },
      ABORTED,
      { units: { input: 500, output: 2 }, source: 'counted' },
    ],
    [
      'so is one that its provider ended with an error',
      openai,
      { text: 'hello world', isStreamed: true, hasBegun: true },
      FAILED,
      { units: { input: 500, output: 2 }, source: 'counted' },
    ],
    [
      'but not one without a public tokenizer',
      anthropic,
      { text: 'hello world', isStreamed: true, hasBegun: true },
      ABORTED,
      BOUND,
    ],
    [
      'nor one whose choices arrive interleaved',
      { ...openai, choices: 2 },
      { text: 'hello world', isStreamed: true, hasBegun: true },
      ABORTED,
      BOUND,
    ],
    ['so is a failure after part of the answer', openai, { hasBegun: true }, FAILED, BOUND],
    [
      'zero output where there was output is counted',
      openai,
      { usage: { units: { input: 12, output: 0 }, final: true }, text: 'hello world', isComplete: true },
      OK,
      { units: { input: 12, output: 2 }, source: 'counted' },
    ],
    [
      'or unknown',
      reasoner,
      { usage: { units: { input: 12, output: 0 }, final: true }, text: 'hello world', isComplete: true },
      OK,
      BOUND,
    ],
    [
      'zero input is counted',
      openai,
      { usage: { units: { input: 0, output: 7 }, final: true }, text: 'hello world', isComplete: true },
      OK,
      { units: { input: 500, output: 7 }, source: 'counted' },
    ],
    [
      'a prompt with a recording counts at its price',
      { ...openai, hearsAudio: true },
      { usage: { units: { input: 0, output: 7 }, final: true }, text: 'hello world', isComplete: true },
      OK,
      { units: { input: 0, input_audio: 500, output: 7 }, source: 'counted' },
    ],
    [
      'units without tokens are complete',
      openai,
      { usage: { units: { image: 2 }, final: true }, isComplete: true },
      OK,
      { units: { image: 2 }, source: 'provider' },
    ],
    ['unless it never had it', openai, {}, SILENT, { units: {} }],
  ];
  for (const [title, call, fields, outcome, expected] of rows) {
    const measured = await measure(call, recordOf(fields, call), outcome);
    t.match(measured, expected, title);
    if ('units' in expected) t.strictSame(measured.units, expected.units, title);
  }
});

t.test('a tool call that we ended is unknown, because it is billed for more than its text', async (t) => {
  const record = new CallRecord(openai);
  record.take({ bytes: 'data', text: '{"city":', reasoning: '', hasToolCall: true });
  t.match(await measure(openai, record, ABORTED), BOUND);
  record.isComplete = true;
  t.match(await measure(openai, record, OK), { source: 'counted' });
});

t.test('only failures that leave nothing unread can be counted', async (t) => {
  const broken = new ProviderError('broken', 'The connection broke.');
  const cancelled = new ProviderError('cancelled', 'The call was cancelled.');
  const rows: [unknown, EndReason | null, boolean][] = [
    [cancelled, 'client_gone', false],
    [cancelled, 'emergency_stop', false],
    [cancelled, 'shutdown', false],
    [new ProviderError('overloaded', 'Overloaded.'), null, false],
    [cancelled, 'deadline', true],
    [broken, 'client_gone', true],
    [broken, null, true],
    [new ProviderError('timeout', 'Too slow.'), null, true],
    [new ProviderError('malformed', 'Not JSON.'), null, true],
    [new Error('a fault of ours'), null, true],
  ];
  for (const [thrown, reason, expected] of rows)
    t.equal(
      failureOf(thrown, openai, reason).outcome.mayLackOutput ?? false,
      expected,
      `${thrown} ${reason}`,
    );
});

t.test('a prompt that can be counted is not booked with its bound', async (t) => {
  const cut = { isInFlight: true, isStreamed: true, text: 'x' };
  const inputWith = async (tokens: number) =>
    (await measure(openai, recordOf(cut), ABORTED, async () => tokens)).units?.input;
  t.equal(await inputWith(120), 120);
  t.equal(await inputWith(900), 500, 'but never with more');
  const reported = recordOf({ ...cut, usage: { units: { input: 77 }, final: false } });
  t.equal(
    (await measure(openai, reported, ABORTED, async () => 120)).units?.input,
    77,
    'nor if the provider reported it',
  );
});

t.test('a provider that writes on past the cap is left', async (t) => {
  const record = new CallRecord({ provider: 'openai', outputTokens: 1_000, choices: 2 });
  const piece = { bytes: 'data', text: 'x'.repeat(64_000), reasoning: '' };
  for (let written = 0; written < 4; written += 1) record.take(piece);
  t.throws(() => record.take({ ...piece, text: '', reasoning: 'y'.repeat(1) }), /exceeded the output cap/);

  const short = new CallRecord({ provider: 'openai', outputTokens: 1, choices: 1 });
  t.doesNotThrow(() => short.take(piece), 'a tool call needs some room of its own');
  t.throws(() => short.take(piece), /exceeded the output cap/);
});

t.test('counting tokens', async (t) => {
  t.strictSame(await countTokens('hello world', 'openai', 'gpt-4o'), { tokens: 2, isExact: true });
  t.strictSame(await countTokens('', 'openai', 'gpt-4o'), { tokens: 0, isExact: true });
  t.strictSame(await countTokens('Größe', 'gemini', 'gemini-2.0-flash'), { tokens: 3, isExact: false });
  t.strictSame((await countTokens('<|endoftext|>', 'openai', 'gpt-4o')).isExact, true, 'marks are text');
  const text = 'The quick brown fox jumps over the lazy dog. '.repeat(300);
  const { tokens } = await countTokens(text, 'openai', 'gpt-4o');
  t.ok(tokens >= 3_000 && tokens <= 3_030, `in slices, ${tokens}`);
  const newer = await countTokens('Ein ungewöhnlich zusammengesetzter Satz', 'openai', 'gpt-4o');
  const older = await countTokens('Ein ungewöhnlich zusammengesetzter Satz', 'openai', 'gpt-4-turbo');
  t.not(newer.tokens, older.tokens, 'each model by its own encoding');
});

t.test('pricing', async (t) => {
  const priced = priceCall(openai, { units: { input: 100, output: 10, reasoning: 5 }, source: 'provider' });
  t.match(priced, { tokens: 115, hasUnpricedClass: false, cost: { totalNanoUsd: 135_000n } });
  const price = { ...openai.price, version: 'without@cache', tiers: [] as typeof openai.price.tiers };
  price.tiers = [{ from_input_tokens: 0, pico_usd_per_unit: { input: '1000', output: '4000' } }];
  const unpriced = priceCall(
    { ...openai, price },
    { units: { input: 10, cache_read: 90, output: 10, reasoning: 10 }, source: 'provider' },
  );
  t.match(unpriced, { tokens: 120, hasUnpricedClass: true, cost: { totalNanoUsd: 180n } }, 'never free');
});

t.test('an unknown outcome is priced at what was held for the call', async (t) => {
  const priced = priceCall(openai, { units: null, source: 'bound' });
  // 500 at the dearest input class, and 60 at the dearest output class
  const cost = { inputNanoUsd: 625_000n, outputNanoUsd: 180_000n, totalNanoUsd: 805_000n };
  t.match(priced, { units: { input: 500, output: 60 }, tokens: 560, source: 'bound', cost });
});

const settled: SettleAnswer = { outcome: 'settled', late: false, overrun: false, state: 'ok', limit: null };

/** What the settlement did. */
function settlementWith(ledger: {
  settle?: (request: SettleRequest) => Promise<SettleAnswer>;
  correct?: Ledger['correct'];
  append?: Spool['append'];
}) {
  const seen = {
    settled: [] as SettleRequest[],
    spooled: [] as SpoolEntry[],
    closed: 0,
    pauses: [] as number[],
    lines: [] as object[],
    overruns: [] as object[],
    mismatches: [] as string[],
  };
  const settlement = createSettlement(
    {
      ledger: {
        settle: async (request) => {
          seen.settled.push(request);
          return (await ledger.settle?.(request)) ?? settled;
        },
        correct: ledger.correct ?? (async () => 'repeated' as const),
        close: async () => {
          seen.closed += 1;
          return settled;
        },
      },
      spool: {
        append: ledger.append ?? (async (entry) => void seen.spooled.push(entry)),
      },
      metrics: {
        recordSettle: () => undefined,
        recordOverrun: () => undefined,
        recordServiceTierMismatch: (provider: string) => void seen.mismatches.push(provider),
      } as unknown as CallMetrics,
      reportOverrun: async (overrun) => void seen.overruns.push(overrun),
      logger: createLogger({
        name: 'test',
        level: 'info',
        destination: { write: (line) => void seen.lines.push(JSON.parse(line)) },
      }),
      sleep: async (ms) => {
        seen.pauses.push(ms);
      },
    },
    { holdId: 'h', accountId: 'a', expiresAtMs: performance.now() + 60_000 },
  );
  return { settlement, seen };
}

const entry = {
  call: openai,
  record: new CallRecord(openai),
  outcome: OK,
  priced: priceCall(openai, { units: { input: 100, output: 10 }, source: 'provider' as const }),
};

t.test('settling', async (t) => {
  t.test('the last call closes the hold, once', async (t) => {
    const { settlement, seen } = settlementWith({});
    await settlement.settle(entry, false);
    await settlement.settle({ ...entry, call: { ...openai, index: 1 } }, true);
    await settlement.close();
    t.match(seen.settled, [
      { close: false, callIndex: 0, meters: { cost: 120_000n, 'tokens.total': 110n, 'api.requests': 1n } },
      { close: true, callIndex: 1 },
    ]);
    t.equal(seen.closed, 0);
  });

  t.test('a hold that no call closed is closed, once', async (t) => {
    const { settlement, seen } = settlementWith({});
    await settlement.close();
    await settlement.close();
    t.equal(seen.closed, 1);
  });

  t.test('a database that comes back loses nothing', async (t) => {
    let failures = 3;
    const { settlement, seen } = settlementWith({
      settle: async () => {
        failures -= 1;
        if (failures >= 0) throw new Error('connection refused');
        return settled;
      },
    });
    t.equal((await settlement.settle(entry, true)).outcome, 'settled');
    t.equal(seen.settled.length, 4);
    t.ok(seen.pauses.every((ms, index) => ms > (seen.pauses[index - 1] ?? 0)));
  });

  const isAway = async () => {
    throw new Error('connection refused');
  };

  t.test('a database that stays away: the settlement is spooled', async (t) => {
    const { settlement, seen } = settlementWith({ settle: isAway });
    t.match(await settlement.settle(entry, true), { outcome: 'spooled', state: 'ok' });
    t.match(seen.spooled, [
      { kind: 'settle', request: { holdId: 'h', callIndex: 0, close: true, meters: { cost: 120_000n } } },
    ]);
    t.match(seen.lines, [{ msg: 'settlement spooled', hold: 'h' }]);
    await settlement.close();
    t.strictSame([seen.closed, seen.spooled.length], [0, 1], 'its replay closes the hold');
  });

  t.test(
    'a call that is spooled and not the last keeps its result back, and its hold is closed later',
    async (t) => {
      const { settlement, seen } = settlementWith({ settle: isAway });
      await t.rejects(settlement.settle(entry, false), { code: 'metering_unavailable' });
      await settlement.close();
      t.match(seen.spooled, [
        { kind: 'settle' },
        { kind: 'close', request: { holdId: 'h', accountId: 'a' } },
      ]);
      t.equal(seen.closed, 0);
    },
  );

  const second = { ...entry, call: { ...openai, index: 1 } };

  t.test('the last call waits for one that is still being settled', async (t) => {
    const first = Promise.withResolvers<SettleAnswer>();
    const { settlement, seen } = settlementWith({
      settle: ({ callIndex }) => (callIndex === 0 ? first.promise : Promise.resolve(settled)),
    });
    const settling = [settlement.settle(entry, false), settlement.settle(second, true)];
    await setImmediate();
    t.match(seen.settled, [{ callIndex: 0 }]);
    t.equal(seen.settled.length, 1, 'what it used is held until then');
    first.resolve(settled);
    await Promise.all(settling);
    t.match(seen.settled[1], { callIndex: 1, close: true });
  });

  t.test('the last call does not close the hold of one whose settlement is in the spool', async (t) => {
    const { settlement, seen } = settlementWith({
      settle: ({ callIndex }) => (callIndex === 0 ? isAway() : Promise.resolve(settled)),
    });
    await t.rejects(settlement.settle(entry, false), { code: 'metering_unavailable' });
    await settlement.settle(second, true);
    t.match(seen.settled.at(-1), { callIndex: 1, close: false });
    await settlement.close();
    t.match(seen.spooled, [{ kind: 'settle' }, { kind: 'close' }], 'in this order');
    t.equal(seen.closed, 0);
  });

  t.test('nor the hold of one that neither database nor disk took', async (t) => {
    const { settlement, seen } = settlementWith({
      settle: ({ callIndex }) => (callIndex === 0 ? isAway() : Promise.resolve(settled)),
      append: isAway,
    });
    await t.rejects(settlement.settle(entry, false), { code: 'metering_unavailable' });
    await settlement.settle(second, true);
    t.match(seen.settled.at(-1), { callIndex: 1, close: false });
    await settlement.close();
    t.equal(seen.closed, 0, 'it expires, so that the call counts at its bound');
  });

  t.test('a database that does not answer: the settlement is spooled in bounded time', async (t) => {
    const { settlement, seen } = settlementWith({ settle: () => new Promise(() => undefined) });
    const startedAt = performance.now();
    t.match(await settlement.settle(entry, true), { outcome: 'spooled' });
    t.ok(performance.now() - startedAt < 8_000);
    t.equal(seen.settled.length, 1);
  });

  t.test('a settlement that arrives after its call was recorded at its bound corrects it', async (t) => {
    const corrected: object[] = [];
    const { settlement } = settlementWith({
      settle: async () => ({ ...settled, outcome: 'repeated' }),
      correct: async (request) => {
        corrected.push(request);
        return 'corrected';
      },
    });
    t.match(await settlement.settle(entry, true), { outcome: 'corrected', late: true });
    t.match(corrected, [{ holdId: 'h', callIndex: 0, meters: { cost: 120_000n } }]);
  });

  t.test('without database and disk the result is kept back, and the figures are in the log', async (t) => {
    const { settlement, seen } = settlementWith({
      settle: isAway,
      append: async () => {
        throw new Error('The spool is full.');
      },
    });
    await t.rejects(settlement.settle(entry, true), { code: 'metering_unavailable' });
    t.match(seen.lines, [{ msg: 'settlement failed', amounts: { cost: '120000' }, hold: 'h' }]);
    await settlement.close();
    t.equal(seen.closed, 0, 'its hold expires, which shows that a settlement is missing');
  });

  t.test('usage above the hold is reported, once', async (t) => {
    let outcome: SettleAnswer['outcome'] = 'settled';
    const { settlement, seen } = settlementWith({
      settle: async () => ({ ...settled, outcome, overrun: true }),
    });
    await settlement.settle(entry, false);
    outcome = 'repeated';
    await settlement.settle(entry, true);
    t.match(seen.overruns, [
      { holdId: 'h', accountId: 'a', callIndex: 0, costNanoUsd: 120_000n, tokens: 110 },
    ]);
    t.equal(seen.overruns.length, 1);
    t.match(seen.lines, [{ msg: 'usage above hold', hold: 'h', cost_nano_usd: '120000' }]);
  });

  t.test('an answer of another service tier is flagged', async (t) => {
    const { settlement, seen } = settlementWith({});
    const record = new CallRecord(openai);
    record.serviceTier = 'default';
    await settlement.settle({ ...entry, record }, false);
    t.strictSame(seen.mismatches, []);
    record.serviceTier = 'priority';
    await settlement.settle({ ...entry, record }, true);
    t.strictSame(seen.mismatches, ['openai']);
    t.match(seen.lines, [{ msg: 'service tier mismatched', tier: 'priority', hold: 'h' }]);
  });

  t.test('and charged at the prices of that tier', async (t) => {
    const usage = { units: { input: 100, output: 10 }, source: 'provider' as const };
    const costIn = (tier: string | null) => priceCall(openai, usage, tier).cost.totalNanoUsd;
    t.equal(costIn(null), 120_000n);
    t.equal(costIn('default'), 120_000n);
    t.equal(costIn('flex'), 60_000n);
    t.equal(costIn('priority'), 204_000n, '1.7 times');
    t.equal(costIn('turbo'), 300_000n, 'an unknown tier as the dearest of the vendor');
    t.match(priceCall(openai, usage, 'priority').priceVersion, /#[0-9a-f]{16}\+priority$/);
    const bound = priceCall(openai, { units: null, source: 'bound' }, 'flex');
    t.equal(bound.cost.totalNanoUsd, 805_000n, 'a bound is what was held');
  });

  t.test('a call without a hold is not settled, so its result must not be sent', async (t) => {
    const { settlement, seen } = settlementWith({
      settle: async () => ({ ...settled, outcome: 'unknown_hold' }),
    });
    await t.rejects(settlement.settle(entry, true), { code: 'metering_unavailable' });
    t.equal(seen.settled.length, 1, 'asking again would not help');
  });
});
