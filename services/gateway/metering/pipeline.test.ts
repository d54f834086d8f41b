import t, { type Test } from 'tap';
import { testEntitlements } from '#libs/catalogue/fixtures.ts';
import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import { SERVICE_CALLER } from '#libs/contracts/internal-context.ts';
import type { PriceFeed } from '#libs/contracts/price-feed.ts';
import type { LimitUsage } from '#libs/ledger/read-limits.ts';
import type { HoldAnswer, HoldRequest, Verdict } from '#libs/ledger/types.ts';
import type { EntitlementCheck } from '../entitlements/domain/check-entitlements.ts';
import { createPriceBook } from '../prices/domain.ts';
import type { MeteredRoute, PlanBounds } from './domain/route.ts';
import { holdPlan } from './hold.ts';

const caller = { ...SERVICE_CALLER, accountId: '00000000-0000-7000-8000-000000000001' };
const requestId = '00000000-0000-7000-8000-0000000000aa';

const MODEL: PriceFeed['models'][number] = {
  provider: 'openai',
  model: 'plain',
  aliases: [],
  kind: 'text',
  upstreamModel: 'plain',
  contextWindow: 100_000,
  maxOutputTokens: 4_000,
  maxImageInputTokens: 0,
  tokenizer: 'o200k_base',
  capabilities: { tools: true, vision: false, streaming: true, jsonSchema: true, reasoning: false },
};

/** One nano-USD for each token. */
const priceRow = (unitClass: 'input' | 'output') => ({
  provider: 'openai',
  model: 'plain',
  class: unitClass,
  validFrom: '2026-01-01T00:00:00.000Z',
  picoUsdPerUnit: 1000n,
  fromInputTokens: 0,
});
const priceBook = createPriceBook({
  fetch: async () => ({ models: [MODEL], rows: [priceRow('input'), priceRow('output')] }),
  now: () => new Date('2026-11-20T12:00:00Z'),
});
await priceBook.ready();

const SMALLEST_OUTPUT = 16;

const planOf = (inputTokens: number, outputTokens: number): CallPlan => ({
  kind: 'chat',
  calls: [
    {
      index: 0,
      step: 'chat',
      provider: 'openai',
      model: 'plain',
      upstreamModel: 'plain',
      inputTokens,
      outputTokens,
      choices: 1,
      otherUnits: {},
      counts: {},
      price: priceBook.priced('plain').wire,
    },
  ],
});

/** Its prompt is one token for each word; 900 by its bytes, unless given. */
function routeOf({
  words = 1,
  cap = 100,
  bytes = 900,
  isCountable = true,
  contextWindow = MODEL.contextWindow,
  enforcesWindow = false,
}) {
  return {
    plan: (_check: EntitlementCheck, { promptTokens, scale }: PlanBounds) =>
      planOf(promptTokens, Math.max(SMALLEST_OUTPUT, Math.floor(cap * scale))),
    prompt: () => ({
      contextWindow,
      enforcesWindow,
      byteBound: bytes,
      fixedBound: 0,
      texts: [Array.from({ length: words }, () => ' word').join('')],
      tokenizer: isCountable ? 'o200k_base' : null,
    }),
    smallestScale: () => SMALLEST_OUTPUT / cap,
  } satisfies Pick<MeteredRoute, 'plan' | 'prompt' | 'smallestScale'>;
}

type TestLimit = { meter?: string; amount: bigint; used?: bigint; held?: bigint; isBlocked?: boolean };

/** A ledger of some limits that counts its statements. Like the real one, it records every refusal it must. */
function ledgerOf(...limits: [TestLimit, ...TestLimit[]]) {
  const holds: HoldRequest[] = [];
  let reads = 0;
  const usages = limits.map(({ meter = 'cost', amount, used = 0n, held = 0n }): LimitUsage => {
    const shared = { window: 'month', scope: 'account', scopeId: '', kind: 'n', state: 'ok' } as const;
    return { ...shared, meter, amount, used, held, windowStart: null, resetsAt: null, source: 'test' };
  });
  const answerTo = (asked: HoldRequest, index: number): HoldAnswer => {
    const limit = usages[index] as LimitUsage;
    const amount = limit.amount ?? 0n;
    const want = asked.meters[limit.meter] ?? 0n;
    let verdict: Verdict = 'ok';
    if (limits[index]?.isBlocked) verdict = 'limit_blocked';
    else if (limit.used + want > amount) verdict = 'limit_exceeded';
    else if (limit.used + limit.held + want > amount) verdict = 'limit_held';
    return {
      verdict,
      replayed: false,
      expiresAt: new Date(0),
      msLeft: 60_000,
      stop: null,
      limit: { ...limit, asked: want },
    };
  };
  return {
    holds,
    reads: () => reads,
    hold: async (asked: HoldRequest) => {
      holds.push(asked);
      const answers = limits.map((_, index) => answerTo(asked, index));
      return answers.find(({ verdict }) => verdict !== 'ok') ?? (answers[0] as HoldAnswer);
    },
    readLimits: async () => {
      reads += 1;
      return { period: { start: new Date(0), end: new Date(0) }, limits: usages };
    },
  };
}

function run(
  ledger: Pick<ReturnType<typeof ledgerOf>, 'hold' | 'readLimits'>,
  route: ReturnType<typeof routeOf>,
  fitBudget = false,
) {
  const check: EntitlementCheck = {
    entitlements: testEntitlements(),
    body: { fit_budget: fitBudget },
    models: {},
    catalogue: undefined,
    degraded: [],
  };
  const close = async () => {
    throw new Error('Nothing is closed here.');
  };
  return holdPlan(
    {
      ledger: { hold: ledger.hold, close },
      readLimits: ledger.readLimits,
      holdTtlMs: 1000,
    },
    route,
    check,
    caller,
    requestId,
  );
}

/** Asserts the statements of one request: what each hold asked for, and whether its refusal was to be recorded. */
function sameStatements(
  t: Test,
  ledger: ReturnType<typeof ledgerOf>,
  holds: [cost: bigint, keepRefusal: boolean][],
  reads = 0,
) {
  t.strictSame(
    ledger.holds.map(({ meters, keepRefusal }) => [meters.cost, keepRefusal]),
    holds,
  );
  t.equal(ledger.reads(), reads, 'reads of the limits');
}

t.test('one hold: an admitted request, with the bound that costs nothing', async (t) => {
  const ledger = ledgerOf({ amount: 10_000n });
  t.equal((await run(ledger, routeOf({}), true)).answer.verdict, 'ok');
  sameStatements(t, ledger, [[1000n, false]]);
  t.match(ledger.holds[0], { id: requestId, ttlMs: 1000, targets: ['openai', 'openai/plain'] });
  t.strictSame(ledger.holds[0]?.meters, {
    cost: 1000n,
    'calls.openai': 1n,
    'tokens.total': 1000n,
    'tokens.openai': 1000n,
    'api.requests': 1n,
    'requests.parallel': 1n,
  });
});

t.test('one hold: a refusal that no smaller request could avoid', async (t) => {
  const limits: TestLimit[] = [
    { amount: 250n, isBlocked: true },
    { amount: 500n, used: 500n },
    { amount: 500n, used: 600n },
    { amount: 500n, used: 100n, held: 400n },
  ];
  for (const limit of limits) {
    for (const fitBudget of [false, true]) {
      const ledger = ledgerOf(limit);
      t.not((await run(ledger, routeOf({}), fitBudget)).answer.verdict, 'ok');
      sameStatements(t, ledger, [[1000n, false]]);
    }
  }
});

t.test('one hold: a request that cannot be bounded more closely', async (t) => {
  const ledger = ledgerOf({ amount: 500n });
  const { answer } = await run(ledger, routeOf({ isCountable: false }));
  t.equal(answer.verdict, 'limit_exceeded');
  sameStatements(t, ledger, [[1000n, true]]);
});

t.test('a prompt above the context window is counted first, and refused before any hold', async (t) => {
  const fitting = ledgerOf({ amount: 10_000n });
  const { answer } = await run(fitting, routeOf({ words: 300, bytes: 2_000, contextWindow: 500 }));
  t.equal(answer.verdict, 'ok');
  sameStatements(t, fitting, [[400n, true]]);

  const ledger = ledgerOf({ amount: 10_000n });
  const tooLarge = { code: 'prompt_too_large', status: 400 };
  await t.rejects(run(ledger, routeOf({ words: 501, bytes: 2_000, contextWindow: 500 })), tooLarge);
  const unknownTokenizer = { bytes: 501, contextWindow: 500, isCountable: false };
  await t.rejects(run(ledger, routeOf(unknownTokenizer)), tooLarge);
  sameStatements(t, ledger, []);
});

t.test('a prompt above the window is held as the window only if the provider enforces it', async (t) => {
  const above = { contextWindow: 1_000, isCountable: false };
  const rows: [title: string, route: Parameters<typeof routeOf>[0], held: bigint | null][] = [
    ['enforced', { ...above, bytes: 8_000, enforcesWindow: true }, 1_100n],
    ['a document without a bound', { ...above, bytes: Infinity, enforcesWindow: true }, 1_100n],
    [
      'the same where texts could be counted',
      { contextWindow: 1_000, bytes: Infinity, enforcesWindow: true },
      1_100n,
    ],
    ['below it', { ...above, bytes: 999, enforcesWindow: true }, 1_099n],
    ['not enforced', { ...above, bytes: 1_001 }, null],
    ['hardly any tokenizer makes it fit', { ...above, bytes: 8_001, enforcesWindow: true }, null],
    [
      'counted texts that do not fit',
      { contextWindow: 1_000, bytes: 2_000, words: 1_001, enforcesWindow: true },
      null,
    ],
  ];
  for (const [title, route, held] of rows) {
    const ledger = ledgerOf({ amount: 10_000n });
    const answer = run(ledger, routeOf(route));
    if (held === null) await t.rejects(answer, { code: 'prompt_too_large' }, title);
    else {
      await answer;
      t.equal(ledger.holds[0]?.meters.cost, held, title);
    }
    t.equal(ledger.holds.length, held === null ? 0 : 1, title);
  }
});

t.test('two holds: near a limit the prompt is counted before the request is refused', async (t) => {
  const admitted = ledgerOf({ amount: 500n });
  t.equal((await run(admitted, routeOf({ words: 200 }))).answer.verdict, 'ok');
  sameStatements(t, admitted, [
    [1000n, false],
    [300n, true],
  ]);

  const refused = ledgerOf({ amount: 250n });
  t.equal((await run(refused, routeOf({ words: 200 }))).answer.verdict, 'limit_exceeded');
  sameStatements(t, refused, [
    [1000n, false],
    [300n, true],
  ]);
});

t.test('two holds: fit_budget lowers the output cap to exactly what fits', async (t) => {
  const ledger = ledgerOf({ amount: 1000n, used: 300n, held: 100n });
  const { answer, plan, scale } = await run(ledger, routeOf({ words: 200, cap: 4000 }), true);
  t.equal(answer.verdict, 'ok');
  t.equal(plan.calls[0]?.outputTokens, 400, '600 are left, and 200 of them are the prompt');
  t.ok(scale < 1);
  sameStatements(
    t,
    ledger,
    [
      [4900n, false],
      [600n, true],
    ],
    1,
  );
});

t.test('two holds: fit_budget respects limits other than the one that refused', async (t) => {
  const ledger = ledgerOf({ amount: 1000n }, { meter: 'tokens.total', amount: 500n });
  const { answer, plan } = await run(ledger, routeOf({ words: 200, cap: 4000 }), true);
  t.equal(answer.verdict, 'ok');
  t.equal(plan.calls[0]?.outputTokens, 300);
  t.equal(ledger.holds.length, 2);
});

t.test('two holds: fit_budget asks for the smallest output if nothing fits', async (t) => {
  const ledger = ledgerOf({ amount: 210n });
  const { answer } = await run(ledger, routeOf({ words: 200, cap: 4000 }), true);
  t.equal(answer.verdict, 'limit_exceeded');
  sameStatements(
    t,
    ledger,
    [
      [4900n, false],
      [216n, true],
    ],
    1,
  );
});

t.test('two holds: fit_budget does not shrink a request that fits once it is counted', async (t) => {
  const ledger = ledgerOf({ amount: 500n });
  t.match(await run(ledger, routeOf({ words: 200 }), true), { answer: { verdict: 'ok' }, scale: 1 });
  sameStatements(
    t,
    ledger,
    [
      [1000n, false],
      [300n, true],
    ],
    1,
  );
});

t.test('a ledger that cannot answer admits nothing', async (t) => {
  const failing = async () => {
    throw new Error('connection refused');
  };
  const unavailable = { code: 'metering_unavailable', status: 503 };
  await t.rejects(run({ hold: failing, readLimits: failing }, routeOf({})), unavailable);
  const { hold } = ledgerOf({ amount: 500n });
  await t.rejects(run({ hold, readLimits: failing }, routeOf({}), true), unavailable);
});
