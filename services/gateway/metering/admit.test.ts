import t from 'tap';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { CallPlan } from '#libs/contracts/work.ts';
import type { HoldAnswer, HoldRequest, LimitView } from '#libs/ledger/types.ts';
import type { ModelPrice } from '#libs/pricing/price.ts';
import { toWire } from '#libs/pricing/price-wire.ts';
import { admit, type Planner } from './admit.ts';

const caller: Caller = {
  accountId: '00000000-0000-7000-8000-000000000001',
  userId: null,
  keyId: null,
  workspaceId: null,
  role: 'owner',
  platformRole: 'none',
  scopes: ['*'],
};

/** One nano-USD a token, both ways. */
const price: ModelPrice = {
  provider: 'openai',
  model: 'plain',
  version: 'openai/plain@2026-01-01T00:00:00.000Z',
  tiers: [{ fromInputTokens: 0, picoUsdPerUnit: { input: 1000n, output: 1000n } }],
};

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
      price: toWire(price),
    },
  ],
});

/** A ledger of one limit on cost. */
function ledgerWith(limit: { amount: bigint; used?: bigint; held?: bigint; blocked?: boolean }) {
  const { amount, used = 0n, held = 0n } = limit;
  const attempts: HoldRequest[] = [];
  const hold = async (request: HoldRequest): Promise<HoldAnswer> => {
    attempts.push(request);
    const asked = request.meters.cost ?? 0n;
    const view: LimitView = {
      meter: 'cost',
      window: 'month',
      scope: 'account',
      scopeId: '',
      kind: 'n',
      amount,
      used,
      held,
      asked,
      resetsAt: null,
      source: 'test',
    };
    const verdict = limit.blocked
      ? 'limit_blocked'
      : used + asked > amount
        ? 'limit_exceeded'
        : used + held + asked > amount
          ? 'limit_held'
          : 'ok';
    return { verdict, replayed: false, expiresAt: new Date(0), stop: null, limit: view };
  };
  return { hold, attempts };
}

const planner = (options: { cheap: number; exact: number; cap: number; fitBudget?: boolean }): Planner => ({
  canCount: true,
  fitBudget: options.fitBudget ?? false,
  smallestScale: () => 16 / options.cap,
  plan: ({ exact, scale }) =>
    planOf(exact ? options.exact : options.cheap, Math.max(16, Math.floor(options.cap * scale))),
});

const run = (ledger: ReturnType<typeof ledgerWith>, how: Planner) =>
  admit(
    { requestId: '00000000-0000-7000-8000-0000000000aa', caller, planner: how },
    { hold: ledger.hold, priceOf: () => price, holdTtlMs: 1000 },
  );

t.test('far from its limits a request is admitted on the bound that costs nothing', async (t) => {
  const ledger = ledgerWith({ amount: 10_000n });
  const { answer } = await run(ledger, planner({ cheap: 900, exact: 200, cap: 100 }));
  t.equal(answer.verdict, 'ok');
  t.equal(ledger.attempts.length, 1);
  t.strictSame(ledger.attempts[0]?.targets, ['openai', 'openai/plain']);
  t.strictSame(ledger.attempts[0]?.meters, {
    cost: 1000n,
    'calls.openai': 1n,
    'tokens.total': 1000n,
    'tokens.openai': 1000n,
    'api.requests': 1n,
  });
});

t.test('near its limits the prompt is counted before anything is refused', async (t) => {
  const ledger = ledgerWith({ amount: 500n });
  const { answer } = await run(ledger, planner({ cheap: 900, exact: 200, cap: 100 }));
  t.equal(answer.verdict, 'ok');
  t.strictSame(
    ledger.attempts.map(({ meters, keepRefusal }) => [meters.cost, keepRefusal]),
    [
      [1000n, false],
      [300n, true],
    ],
  );
});

t.test('a refusal that stands is recorded, and only that one', async (t) => {
  const tooBig = ledgerWith({ amount: 250n });
  t.equal(
    (await run(tooBig, planner({ cheap: 900, exact: 200, cap: 100 }))).answer.verdict,
    'limit_exceeded',
  );
  t.strictSame(
    tooBig.attempts.map((attempt) => attempt.keepRefusal),
    [false, true],
  );

  const blocked = ledgerWith({ amount: 250n, blocked: true });
  t.equal((await run(blocked, planner({ cheap: 90, exact: 20, cap: 100 }))).answer.verdict, 'limit_blocked');
  t.strictSame(
    blocked.attempts.map((attempt) => attempt.keepRefusal),
    [false, true],
  );
});

t.test('fit_budget lowers the output cap until the worst case fits', async (t) => {
  const ledger = ledgerWith({ amount: 1000n, used: 300n, held: 100n });
  const { answer, plan, scale } = await run(
    ledger,
    planner({ cheap: 900, exact: 200, cap: 4000, fitBudget: true }),
  );
  t.equal(answer.verdict, 'ok');
  const fitted = plan.calls[0]?.outputTokens ?? 0;
  t.ok(fitted >= 16 && fitted <= 400, `${fitted} tokens fit into 600 beside 200 of prompt`);
  t.ok(scale < 1);
});

t.test('fit_budget gives up at an output not worth its prompt', async (t) => {
  const ledger = ledgerWith({ amount: 210n });
  const { answer } = await run(ledger, planner({ cheap: 900, exact: 200, cap: 4000, fitBudget: true }));
  t.equal(answer.verdict, 'limit_exceeded');
  t.equal(ledger.attempts.at(-1)?.keepRefusal, true);
  t.ok(ledger.attempts.length <= 10);
});

t.test('a ledger that cannot answer admits nothing', async (t) => {
  const failing = {
    hold: async () => {
      throw new Error('connection refused');
    },
    attempts: [],
  };
  await t.rejects(run(failing, planner({ cheap: 1, exact: 1, cap: 1 })), {
    code: 'metering_unavailable',
    status: 503,
  });
});
