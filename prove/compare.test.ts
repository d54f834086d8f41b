import t from 'tap';
import { compare, type Evidence, priceTokens } from './compare.ts';
import type { LedgerState } from './ledger-state.ts';
import type { WitnessedCall } from './witness.ts';

const ACCOUNT = '00000000-0000-7000-8000-000000000001';
const [FIRST, SECOND, REFUSED] = ['hold-1', 'hold-2', 'hold-3'];
const START = new Date('2026-11-01T00:00:00Z');
const NOW = new Date('2026-11-20T12:00:00Z');
const prices = { input: 1_500n, cacheRead: 750n, cacheWrite: 1_500n, output: 6_001n, reasoning: 6_001n };
const tokens = { input: 10, cacheRead: 0, cacheWrite: 0, output: 20, reasoning: 5 };
const cost = priceTokens(tokens, prices);

const call = (holdId: string, change: Partial<WitnessedCall> = {}): WitnessedCall => ({
  provider: 'openai',
  model: 'proof',
  correlation: `${holdId}/0`,
  complete: true,
  status: 200,
  tokens: { ...tokens },
  ...change,
});

/** Two successful requests and a refused one. */
function honest(): Evidence & { calls: WitnessedCall[]; answered: Set<string> } {
  const hold = (id: string, state: 'closed' | 'refused'): LedgerState['holds'][number] => ({
    id,
    accountId: ACCOUNT,
    state,
    verdict: state === 'closed' ? 'ok' : 'limit_exceeded',
    createdAt: NOW,
    meters: ['cost'],
    asked: [cost],
    remaining: [0n],
    settledCalls: state === 'closed' ? [0] : [],
    seen: [{ counterId: 1n, used: 0n, held: 0n, amount: 2n * cost }],
  });
  const row = (holdId: string): LedgerState['rows'][number] => ({
    holdId,
    callIndex: 0,
    accountId: ACCOUNT,
    userId: null,
    keyId: null,
    admittedAt: NOW,
    provider: 'openai',
    model: 'proof',
    status: 'ok',
    usageSource: 'provider',
    late: false,
    overrun: false,
    tokens: { ...tokens },
    costNanoUsd: cost,
    amounts: new Map([
      ['cost', cost],
      ['tokens.total', 35n],
    ]),
  });
  return {
    ledgerState: {
      holds: [hold(FIRST, 'closed'), hold(SECOND, 'closed'), hold(REFUSED, 'refused')],
      rows: [row(FIRST), row(SECOND)],
      counters: [
        {
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
          onLimit: 'deny',
          used: 2n * cost,
          held: 0n,
        },
      ],
      events: [],
    },
    calls: [call(FIRST), call(SECOND)],
    answered: new Set([FIRST, SECOND]),
    pricesOf: () => prices,
  };
}

type Falsified = ReturnType<typeof honest>;
const first = <Item>(items: readonly Item[]): Item => items[0] as Item;
const counterOf = ({ ledgerState }: Falsified) => first(ledgerState.counters);

t.test('a ledger that agrees with the witness shows no difference', async (t) => {
  const { differences, cut, usedNanoUsd, providerCalls } = compare(honest());
  t.strictSame(differences, []);
  t.strictSame(cut, []);
  t.equal(usedNanoUsd, 2n * cost);
  t.equal(providerCalls, 2);
});

const falsifications: Record<string, { falsify: (evidence: Falsified) => void; says: RegExp }> = {
  'a call that was lost': {
    falsify: ({ ledgerState }) => void ledgerState.rows.pop(),
    says: /served and answered, but is not in the ledger/,
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
  'an admission beyond what was left': {
    falsify: ({ ledgerState }) => {
      first(first(ledgerState.holds).seen).held = 2n * cost;
    },
    says: /took \d+ of cost when 0 were used/,
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

t.test('a call that a crash cut off is listed, unless a client has its response', async (t) => {
  const cutOff = () => {
    const evidence = honest();
    evidence.ledgerState.rows.pop();
    const counter = counterOf(evidence);
    counter.used = cost;
    const hold = evidence.ledgerState.holds.find(({ id }) => id === SECOND);
    if (hold) Object.assign(hold, { state: 'expired', settledCalls: [] });
    return evidence;
  };
  const answered = compare(cutOff());
  t.match(answered.differences, [/served and answered/, /answered and never charged/]);

  const cut = cutOff();
  cut.answered.delete(SECOND);
  const found = compare(cut);
  t.strictSame(found.differences, []);
  t.strictSame(found.cut, [{ holdId: SECOND, callIndex: 0, complete: true, tokens }]);
});

t.test('a call that was aborted while it was sent may be an estimate', async (t) => {
  const estimate = (change: Partial<LedgerState['rows'][number]>) => {
    const evidence = honest();
    evidence.calls.pop();
    evidence.answered.delete(SECOND);
    const row = evidence.ledgerState.rows.at(-1);
    const prompt = { input: 10, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0 };
    const worth = priceTokens(prompt, prices);
    const amounts = new Map([
      ['cost', worth],
      ['tokens.total', 10n],
    ]);
    if (row) {
      Object.assign(row, {
        status: 'aborted',
        usageSource: 'estimated',
        tokens: prompt,
        costNanoUsd: worth,
        amounts,
      });
      Object.assign(row, change);
    }
    counterOf(evidence).used = cost + worth;
    return compare(evidence).differences;
  };
  t.strictSame(estimate({}), []);
  t.match(estimate({ status: 'ok' }), [/never saw it/], 'but only then');
});
