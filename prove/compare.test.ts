import t from 'tap';
import { compare, type Evidence, priceTokens } from './compare.ts';
import type { LedgerState } from './ledger-state.ts';
import type { WitnessedCall } from './witness.ts';

const ACCOUNT = '00000000-0000-7000-8000-000000000001';
const KEY = '00000000-0000-7000-8000-0000000000a1';
const [FIRST, SECOND, REFUSED] = ['hold-1', 'hold-2', 'hold-3'];
const START = new Date('2026-11-01T00:00:00Z');
const NOW_US = BigInt(Date.parse('2026-11-20T12:00:00Z')) * 1_000n;
const SETTLED_US = NOW_US + 1_000_000n;
const prices = {
  input: 1_500n,
  audio: 32_000n,
  cacheRead: 750n,
  cacheWrite: 1_500n,
  output: 6_001n,
  reasoning: 6_001n,
};
const tokens = { input: 10, audio: 0, cacheRead: 0, cacheWrite: 0, output: 20, reasoning: 5 };
const cost = priceTokens(tokens, prices);

const call = (holdId: string, change: Partial<WitnessedCall> = {}): WitnessedCall => ({
  provider: 'openai',
  model: 'proof',
  correlation: `${holdId}/0`,
  complete: true,
  status: 200,
  reportsUsage: true,
  usageMode: null,
  tokens: { ...tokens },
  ...change,
});

/** Two successful requests and a refused one. */
function honest(): Evidence & { calls: WitnessedCall[]; answered: Set<string> } {
  const hold = (id: string, state: 'closed' | 'refused'): LedgerState['holds'][number] => ({
    id,
    accountId: ACCOUNT,
    userId: null,
    keyId: KEY,
    workspaceId: null,
    state,
    createdUs: NOW_US,
    endedUs: SETTLED_US,
    asked: new Map([
      ['cost', cost],
      ['tokens.total', 35n],
    ]),
    remaining: [0n],
  });
  const row = (holdId: string): LedgerState['rows'][number] => ({
    holdId,
    callIndex: 0,
    accountId: ACCOUNT,
    userId: null,
    keyId: KEY,
    workspaceId: null,
    admittedUs: NOW_US,
    occurredUs: SETTLED_US,
    step: 'chat',
    provider: 'openai',
    model: 'proof',
    status: 'ok',
    usageSource: 'provider',
    late: false,
    overrun: false,
    tokens: { ...tokens },
    costNanoUsd: cost,
    latencyMs: 300,
    amounts: new Map([
      ['cost', cost],
      ['tokens.total', 35n],
    ]),
  });
  const counter: LedgerState['counters'][number] = {
    id: 1n,
    accountId: ACCOUNT,
    scope: 'account',
    scopeId: '',
    meter: 'cost',
    window: 'month',
    startMs: START.getTime(),
    endMs: Number.POSITIVE_INFINITY,
    kind: 'n',
    amount: 2n * cost,
    thresholdBps: [8_000, 9_000, 9_500, 10_000],
    onLimit: 'deny',
    used: 2n * cost,
    held: 0n,
  };
  const keyCounter = { ...counter, id: 2n, scope: 'key' as const, scopeId: KEY, amount: 100n * cost };
  return {
    ledgerState: {
      holds: [hold(FIRST, 'closed'), hold(SECOND, 'closed'), hold(REFUSED, 'refused')],
      rows: [row(FIRST), row(SECOND)],
      counters: [counter, keyCounter],
      events: [
        {
          counterId: 1n,
          thresholdBps: 10_000,
          used: 2n * cost,
          amount: 2n * cost,
          holdId: SECOND,
          withItsUsage: true,
        },
      ],
      dailySums: [
        {
          accountId: ACCOUNT,
          day: '2026-11-20',
          userId: null,
          keyId: KEY,
          workspaceId: null,
          step: 'chat',
          provider: 'openai',
          model: 'proof',
          calls: 2n,
          errors: 0n,
          tokens: { input: 20n, cacheRead: 0n, cacheWrite: 0n, output: 40n, reasoning: 10n },
          costNanoUsd: 2n * cost,
          latencyMs: 600n,
        },
      ],
    },
    calls: [call(FIRST), call(SECOND)],
    answered: new Set([FIRST, SECOND]),
    pricesOf: () => prices,
  };
}

type Falsified = ReturnType<typeof honest>;
const first = <Item>(items: readonly Item[]): Item => items[0] as Item;
const counterOf = ({ ledgerState }: Falsified) => first(ledgerState.counters);
const secondRow = ({ ledgerState }: Falsified) => ledgerState.rows.at(-1) as LedgerState['rows'][number];
const secondHold = ({ ledgerState }: Falsified) => ledgerState.holds[1] as LedgerState['holds'][number];

/** The second call with other figures, in its row and in everything that adds rows up. */
function rewriteSecond(
  evidence: Falsified,
  counts: LedgerState['rows'][number]['tokens'],
  change: Partial<LedgerState['rows'][number]>,
): void {
  const { ledgerState, answered } = evidence;
  const worth = priceTokens(counts, prices);
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const amounts = new Map([
    ['cost', worth],
    ['tokens.total', BigInt(total)],
  ]);
  Object.assign(secondRow(evidence), { tokens: counts, costNanoUsd: worth, amounts, ...change });
  answered.delete(SECOND);
  balance(ledgerState);
}

/** Counters, events and daily sums as the rows have them. */
function balance({ rows, counters, events, dailySums }: LedgerState): void {
  const total = (amounts: readonly bigint[]) => amounts.reduce((sum, amount) => sum + amount, 0n);
  const used = total(rows.map(({ amounts }) => amounts.get('cost') ?? 0n));
  for (const counter of counters) {
    counter.used = used;
    const [event] = events.filter(({ counterId }) => counterId === counter.id);
    const reached = counter.thresholdBps.filter(
      (bps) => used * 10_000n >= (counter.amount ?? 0n) * BigInt(bps),
    );
    if (event) event.thresholdBps = Math.max(...reached);
  }
  events.splice(0, events.length, ...events.filter(({ thresholdBps }) => thresholdBps > 0));
  const [daily] = dailySums;
  if (daily === undefined) return;
  daily.calls = BigInt(rows.length);
  daily.errors = BigInt(rows.filter(({ status }) => status !== 'ok').length);
  daily.costNanoUsd = total(rows.map(({ costNanoUsd }) => costNanoUsd));
  daily.latencyMs = total(rows.map(({ latencyMs }) => BigInt(latencyMs)));
  for (const key of Object.keys(daily.tokens) as (keyof typeof daily.tokens)[])
    daily.tokens[key] = total(rows.map((row) => BigInt(row.tokens[key])));
}

const NOTHING = { input: 0, audio: 0, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0 };

t.test('a ledger that agrees with the witness shows no difference', async (t) => {
  const { differences, usedNanoUsd, providerCalls } = compare(honest());
  t.strictSame(differences, []);
  t.equal(usedNanoUsd, 2n * cost);
  t.equal(providerCalls, 2);
});

const falsifications: Record<string, { falsify: (evidence: Falsified) => void; says: RegExp }> = {
  'a call that was lost': {
    falsify: ({ ledgerState }) => void ledgerState.rows.pop(),
    says: /hold-2\/0 was served, but is not in the ledger/,
  },
  'tokens of a recording booked as those of text': {
    falsify: ({ ledgerState, calls }) => {
      Object.assign(first(calls), { tokens: { ...tokens, input: 0, audio: 10 } });
      first(ledgerState.rows).tokens = { ...tokens };
    },
    says: /10 input tokens booked, 0 served/,
  },
  'an invented call': {
    falsify: ({ calls }) => void calls.pop(),
    says: /charged, but the provider never saw it/,
  },
  'a call that the provider refused, charged': {
    falsify: ({ calls }) => {
      calls[1] = call(SECOND, { status: 503 });
    },
    says: /figures of a provider that never answered/,
  },
  'a call counted twice': {
    falsify: ({ ledgerState }) => ledgerState.rows.push({ ...first(ledgerState.rows) }),
    says: /in the ledger twice/,
  },
  'a call made twice': { falsify: ({ calls }) => calls.push(call(FIRST)), says: /served hold-1\/0 twice/ },
  'one token too many': {
    falsify: ({ ledgerState }) => {
      first(ledgerState.rows).tokens.output += 1;
    },
    says: /21 output tokens booked, 20 served/,
  },
  'a wrong token class': {
    falsify: ({ ledgerState }) => {
      Object.assign(first(ledgerState.rows).tokens, { input: 0, cacheRead: 10 });
    },
    says: /0 input tokens booked, 10 served/,
  },
  'a nano-USD too little': {
    falsify: ({ ledgerState }) => {
      first(ledgerState.rows).costNanoUsd -= 1n;
    },
    says: /nano-USD booked, worth/,
  },
  'a counter that drifted': {
    falsify: (evidence) => {
      counterOf(evidence).used += 1n;
    },
    says: /usage rows/,
  },
  'a hold that leaked': {
    falsify: (evidence) => {
      counterOf(evidence).held = 1n;
    },
    says: /1 still held/,
  },
  'a hold that was left open': {
    falsify: ({ ledgerState }) => {
      first(ledgerState.holds).state = 'open';
    },
    says: /still open/,
  },
  'a limit that was passed': {
    falsify: (evidence) => {
      counterOf(evidence).amount = cost;
    },
    says: /used \d+ of \d+/,
  },
  'an admission beyond what was left, whose calls used less': {
    falsify: (evidence) => {
      secondHold(evidence).asked.set('cost', 2n * cost);
    },
    says: /hold hold-2 took \d+ when 0 were used, \d+ held/,
  },
  'an admission while everything was used': {
    falsify: (evidence) => {
      const hold = secondHold(evidence);
      const row = secondRow(evidence);
      hold.createdUs = row.admittedUs = SETTLED_US + 1n;
      hold.endedUs = row.occurredUs = SETTLED_US + 2n;
      hold.asked.set('cost', cost + 1n);
    },
    says: /hold hold-2 took \d+ when \d+ were used, 0 held/,
  },
  'a limit of a member scope that was passed': {
    falsify: ({ ledgerState }) => {
      Object.assign(ledgerState.counters[1] as object, { amount: cost });
    },
    says: /month of key .*used \d+ of \d+/,
  },
  'a limit passed a thousandfold, with one late row of a nano-USD': {
    falsify: (evidence) => {
      counterOf(evidence).amount = 2n;
      const late = { ...secondRow(evidence), callIndex: 1, late: true, occurredUs: SETTLED_US + 1n };
      Object.assign(late, { tokens: NOTHING, costNanoUsd: 1n, amounts: new Map([['cost', 1n]]) });
      evidence.ledgerState.rows.push(late);
      balance(evidence.ledgerState);
    },
    says: /late or overrun calls explain 1 of it/,
  },
  'a row that is called late to excuse it': {
    falsify: (evidence) => {
      Object.assign(secondRow(evidence), { late: true, occurredUs: SETTLED_US - 1n });
    },
    says: /late is true, which its hold contradicts/,
  },
  'a row that is called overrun to excuse it': {
    falsify: (evidence) => {
      secondRow(evidence).overrun = true;
    },
    says: /overrun is true, which its amounts contradict/,
  },
  'a call that cost more than its hold, unmarked': {
    falsify: (evidence) => {
      secondHold(evidence).asked.set('cost', cost - 1n);
    },
    says: /overrun is false, which its amounts contradict/,
  },
  'a call above its bound, although the provider kept to the request': {
    falsify: (evidence) => {
      secondHold(evidence).asked.set('cost', cost - 1n);
      (evidence.ledgerState.rows[1] as LedgerState['rows'][number]).overrun = true;
    },
    says: /used more than was held/,
  },
  'a client that left: the provider served 20,000 tokens, the ledger has none': {
    falsify: (evidence) => {
      evidence.unreadTokens = 200;
      evidence.calls[1] = call(SECOND, { complete: false, tokens: { ...tokens, output: 20_000 } });
      rewriteSecond(evidence, NOTHING, { status: 'aborted', usageSource: 'counted' });
    },
    says: /0 nano-USD counted, at least \d+ were served/,
  },
  'a complete stream that failed for the ledger, at nothing': {
    falsify: (evidence) => rewriteSecond(evidence, NOTHING, { status: 'error', usageSource: 'estimated' }),
    says: /0 nano-USD estimated, at least \d+ were served/,
  },
  'a call that a crash cut off and its expired hold did not book': {
    falsify: (evidence) => {
      evidence.ledgerState.rows.pop();
      secondHold(evidence).state = 'expired';
      evidence.answered.delete(SECOND);
      balance(evidence.ledgerState);
    },
    says: /not in the ledger, and its hold is expired/,
  },
  'a threshold without its event': {
    falsify: ({ ledgerState }) => void ledgerState.events.pop(),
    says: /no event at 10000/,
  },
  'an event for a threshold that was not reached': {
    falsify: ({ ledgerState }) => {
      ledgerState.events.push({ ...first(ledgerState.events), counterId: 2n, thresholdBps: 8_000 });
    },
    says: /events at 8000, with/,
  },
  'a call of unknown outcome, booked below what was held': {
    falsify: (evidence) => {
      evidence.calls.pop();
      rewriteSecond(evidence, { ...tokens, output: 19 }, { status: 'error', usageSource: 'bound' });
    },
    says: /34 of tokens.total at its bound, 35 were held/,
  },
  'a call of unknown outcome, booked below what was served': {
    falsify: (evidence) => {
      evidence.calls[1] = call(SECOND, { tokens: { ...tokens, output: 21 } });
      rewriteSecond(evidence, tokens, { status: 'error', usageSource: 'bound' });
    },
    says: /nano-USD bound, at least/,
  },
  'a correction that moved a limit and has no entry': {
    falsify: ({ ledgerState }) => {
      const correction = { ...first(ledgerState.rows), callIndex: 1, costNanoUsd: -5n };
      Object.assign(correction, { tokens: NOTHING, amounts: new Map([['cost', -5n]]) });
      ledgerState.rows.push(correction);
      balance(ledgerState);
      ledgerState.rows.pop();
    },
    says: /cost a month of account .*usage rows/,
  },
  'a daily sum under another key': {
    falsify: ({ ledgerState }) => {
      first(ledgerState.dailySums).keyId = null;
    },
    says: /daily sum of .*key none.*: 2 calls.*, usage rows nothing/,
  },
  'a daily sum without a latency': {
    falsify: ({ ledgerState }) => {
      first(ledgerState.dailySums).latencyMs = 300n;
    },
    says: /daily sum of .* 300 ms.*, usage rows .* 600 ms/,
  },
  'a daily sum that is off by one': {
    falsify: ({ ledgerState }) => {
      first(ledgerState.dailySums).tokens.reasoning += 1n;
    },
    says: /daily sum of .*40\/11, usage rows .*40\/10/,
  },
  'a day that was never added up': {
    falsify: ({ ledgerState }) => void ledgerState.dailySums.pop(),
    says: /daily sum of .*: nothing, usage rows/,
  },
  'work for a refused request': {
    falsify: ({ calls }) => calls.push(call(REFUSED)),
    says: /called for the refused request/,
  },
  'work without a request': {
    falsify: ({ calls }) => calls.push(call('hold-9')),
    says: /called without a hold/,
  },
  'an answer that was never charged': {
    falsify: ({ answered }) => answered.add('hold-9'),
    says: /answered and never charged/,
  },
  'an estimate although the provider reported usage': {
    falsify: ({ ledgerState }) => {
      first(ledgerState.rows).usageSource = 'counted';
    },
    says: /the ledger says counted/,
  },
};

for (const [name, { falsify, says }] of Object.entries(falsifications)) {
  t.test(`given ${name}, the comparison reports it`, async (t) => {
    const evidence = honest();
    falsify(evidence);
    const { differences } = compare(evidence);
    t.ok(
      differences.some((difference) => says.test(difference)),
      differences.join('; ') || 'no difference',
    );
  });
}

t.test('a call that was aborted while it was sent may be an estimate', async (t) => {
  const estimate = (change: Partial<LedgerState['rows'][number]>) => {
    const evidence = honest();
    evidence.calls.pop();
    rewriteSecond(
      evidence,
      { ...NOTHING, input: 10 },
      { status: 'aborted', usageSource: 'estimated', ...change },
    );
    return compare(evidence).differences;
  };
  t.strictSame(estimate({}), []);
  t.match(estimate({ status: 'ok' }), [/never saw it/], 'but only then');
});

t.test('a call of unknown outcome counts at its bound, however little the provider served', async (t) => {
  for (const output of [0, 20]) {
    const evidence = honest();
    evidence.calls[1] = call(SECOND, { complete: false, tokens: { ...tokens, output } });
    rewriteSecond(evidence, tokens, { status: 'error', usageSource: 'bound' });
    t.strictSame(compare(evidence).differences, []);
  }
});

t.test('a settlement frees what its hold did not use for later holds', async (t) => {
  const evidence = honest();
  const hold = secondHold(evidence);
  const row = secondRow(evidence);
  first(evidence.ledgerState.holds).asked.set('cost', 2n * cost);
  hold.createdUs = row.admittedUs = SETTLED_US + 1n;
  hold.endedUs = row.occurredUs = SETTLED_US + 2n;
  t.strictSame(compare(evidence).differences, []);
});

/** The second call was recorded at its bound of 100 output tokens, and corrected to what the provider served. */
function correctSecond(evidence: Falsified): void {
  const { ledgerState } = evidence;
  const bound = { ...NOTHING, input: 10, output: 100 };
  const boundCost = priceTokens(bound, prices);
  const hold = secondHold(evidence);
  hold.asked = new Map([
    ['cost', boundCost],
    ['tokens.total', 110n],
  ]);
  for (const counter of ledgerState.counters) counter.amount = 1_000n * cost;
  ledgerState.rows.push({
    ...secondRow(evidence),
    callIndex: -1,
    occurredUs: SETTLED_US + 1n,
    late: true,
    tokens: { ...NOTHING, output: -80, reasoning: 5 },
    costNanoUsd: cost - boundCost,
    amounts: new Map([
      ['cost', cost - boundCost],
      ['tokens.total', -75n],
    ]),
  });
  Object.assign(ledgerState.rows[1] as object, {
    status: 'error',
    usageSource: 'bound',
    tokens: bound,
    costNanoUsd: boundCost,
    amounts: new Map(hold.asked),
  });
  balance(ledgerState);
  first(ledgerState.dailySums).calls = 2n;
  first(ledgerState.dailySums).errors = 0n;
}

t.test('a correction replaces the bound of a call by what the provider served', async (t) => {
  const evidence = honest();
  correctSecond(evidence);
  const { differences, boundRows, usedNanoUsd } = compare(evidence);
  t.strictSame(differences, []);
  t.equal(boundRows, 0);
  t.equal(usedNanoUsd, 2n * cost);
});

t.test('a wrong correction is reported', async (t) => {
  const wrong: Record<string, { falsify: (evidence: Falsified) => void; says: RegExp }> = {
    'of other tokens': {
      falsify: (evidence) => {
        secondRow(evidence).tokens.output += 1;
      },
      says: /21 output tokens booked, 20 served/,
    },
    'of a call that was known': {
      falsify: ({ ledgerState }) => {
        (ledgerState.rows[1] as LedgerState['rows'][number]).usageSource = 'counted';
      },
      says: /corrected, but not at its bound/,
    },
    'of no call': {
      falsify: (evidence) => {
        secondRow(evidence).callIndex = -3;
      },
      says: /hold-2\/2 has a correction, but is not in the ledger/,
    },
    'that its counter misses': {
      falsify: (evidence) => {
        counterOf(evidence).used += 1n;
      },
      says: /cost a month .*: used \d+, usage rows/,
    },
  };
  for (const [name, { falsify, says }] of Object.entries(wrong)) {
    const evidence = honest();
    correctSecond(evidence);
    falsify(evidence);
    t.ok(
      compare(evidence).differences.some((difference) => says.test(difference)),
      name,
    );
  }
});

t.test(
  'a call above its bound is no difference, if the provider was asked for more than the request',
  async (t) => {
    const evidence = honest();
    secondHold(evidence).asked.set('cost', cost - 1n);
    (evidence.ledgerState.rows[1] as LedgerState['rows'][number]).overrun = true;
    evidence.calls[1] = call(SECOND, { usageMode: 'more' });
    t.strictSame(compare(evidence).differences, []);
  },
);

t.test('a provider that reports nothing is counted', async (t) => {
  const evidence = honest();
  (evidence.ledgerState.rows[1] as LedgerState['rows'][number]).usageSource = 'counted';
  evidence.calls[1] = call(SECOND, { reportsUsage: false });
  t.strictSame(compare(evidence).differences, []);
});
