/** `model: auto`: which models may answer a chat, what is held for them, and what a small budget chooses. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { entitlementsAt } from '#libs/catalogue/entitlements.ts';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import { type ChatCompletionRequest, chatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import { createChatCompletion } from '#libs/contracts/chat-operations.ts';
import { type Caller, SERVICE_CALLER } from '#libs/contracts/internal-context.ts';
import type { LimitUsage } from '#libs/ledger/read-limits.ts';
import type { HoldAnswer } from '#libs/ledger/types.ts';
import { worstCaseOf } from '#libs/pipelines/meters.ts';
import { parsePriceBook } from '#libs/pricing/price-book.ts';
import { checkEntitlements } from '../entitlements/domain/check-entitlements.ts';
import { holdPlan } from '../metering/hold.ts';
import { createPriceBook } from '../prices/domain.ts';
import { cheaperChats, fallbackModels } from './alternatives.ts';
import { planChatCompletion } from './plan.ts';
import { chatCompletionRoute } from './routes.ts';

const NOW = new Date('2026-11-28T12:00:00Z');
const read = (name: string) =>
  readFileSync(new URL(`../../../deploy/catalogues/${name}.yaml`, import.meta.url), 'utf8');
const book = parsePriceBook(read('prices'));
const priceBook = createPriceBook({
  fetch: async () => ({ models: book.models, rows: book.rows }),
  now: () => NOW,
});
await priceBook.reload();
const catalogue = parseCatalogue(read('default'));
const caller: Caller = { ...SERVICE_CALLER, accountId: '00000000-0000-7000-8000-000000000001' };
const entitlements = entitlementsAt(
  {
    ...{ catalogue, catalogueVersion: 'v1', accountId: caller.accountId, segments: [], seats: null },
    ...{ overrides: [], guardRails: [], flags: [] },
    subscription: { planKey: 'pro', status: 'active', trialEndsAt: null, accessEndsAt: null },
  },
  NOW,
);

const chat = (more: Partial<ChatCompletionRequest>) =>
  chatCompletionRequest.parse({
    messages: [{ role: 'user', content: 'Three headlines' }],
    max_tokens: 200,
    ...more,
  });

const check = (body: ChatCompletionRequest) =>
  checkEntitlements(
    { requirements: createChatCompletion.requirements, body, caller, entitlements },
    { priceBook, catalogueOf: async () => catalogue },
  );

const BOUNDS = { promptTokens: 1_000_000, scale: 1 };

t.test('given auto, then other providers may answer, and the most expensive of them is held', async (t) => {
  const checked = await check(chat({ model: 'auto' }));
  const plan = planChatCompletion(checked, BOUNDS);
  const [call] = plan.calls;
  t.equal(call?.fallbacks?.length, 2);
  t.not(call?.fallbacks?.[0]?.provider, call?.provider, 'another provider first');
  const alone = (one: typeof call) =>
    worstCaseOf({ calls: one ? [{ ...one, fallbacks: [] }] : [] }).cost ?? 0n;
  const costs = [call, ...(call?.fallbacks ?? [])].map(alone);
  const [most] = costs.toSorted((one, other) => Number(other - one));
  t.equal(worstCaseOf(plan).cost, most);

  t.strictSame(planChatCompletion(checked, { promptTokens: 1, scale: 1 }).calls[0]?.fallbacks, undefined);
  t.strictSame(planChatCompletion(checked, { ...BOUNDS, scale: 0.5 }).calls[0]?.fallbacks, undefined);
});

t.test('given a model by name, then only that answers', async (t) => {
  const checked = await check(chat({ model: 'gpt-4o-mini' }));
  t.strictSame(planChatCompletion(checked, BOUNDS).calls[0]?.fallbacks, undefined);
  t.strictSame(cheaperChats(checked), []);
});

t.test('given a parameter that a provider lacks, then none of its models is a fallback', async (t) => {
  const all = fallbackModels(await check(chat({ model: 'auto' })));
  const some = fallbackModels(await check(chat({ model: 'auto', seed: 1, logprobs: true })));
  t.ok(all.length > some.length, 'other answers would differ');
  t.ok(some.every(({ info }) => info.provider === 'openai' || info.provider === 'xai'));
});

t.test('given little budget, then a cheaper model of the plan answers', async (t) => {
  const checked = await check(chat({ model: 'auto' }));
  const costOf = (one: typeof checked) =>
    worstCaseOf(planChatCompletion(one, { promptTokens: 200, scale: 1 })).cost ?? 0n;
  const choices = cheaperChats(checked);
  t.ok(choices.length > 1);
  const [cheapest = 0n] = choices.map(costOf).toSorted((one, other) => Number(one - other));
  const heldWith = async (amount: bigint) => {
    const limit: LimitUsage = {
      ...{ meter: 'cost', window: 'month', scope: 'account', scopeId: '', kind: 'n', state: 'ok' },
      ...{ amount, used: 0n, held: 0n, windowStart: null, resetsAt: null, source: 'test' },
    };
    const answer: HoldAnswer = {
      ...{ verdict: 'ok', replayed: false, expiresAt: NOW, msLeft: 60_000, stop: null, limit: null },
    };
    const { plan } = await holdPlan(
      {
        ledger: {
          hold: async () => answer,
          close: () => Promise.reject(new Error('Nothing is closed here.')),
        },
        readLimits: async () => ({ period: { start: NOW, end: NOW }, limits: [limit] }),
        holdTtlMs: 60_000,
      },
      chatCompletionRoute,
      checked,
      caller,
      '00000000-0000-7000-8000-0000000000aa',
    );
    return plan.calls[0];
  };
  const rich = await heldWith(1_000_000_000n);
  t.equal(rich?.fallbacks?.length, 2);
  const poor = await heldWith(cheapest);
  t.strictSame(poor?.fallbacks, undefined);
  t.not(poor?.model, rich?.model);
});
