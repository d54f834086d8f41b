/** Plans a request, prices its worst case and holds it, within what the limits leave. */
import { PARALLEL_REQUESTS } from '#libs/catalogue/limit.ts';
import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { HoldAnswer } from '#libs/ledger/types.ts';
import { worstCaseOf } from '#libs/pipelines/meters.ts';
import { ProblemError } from '#libs/problems/problems.ts';
import { meteringUnavailable, refusal } from '#libs/service/refusal.ts';
import type { EntitlementCheck } from '../entitlements/domain/check-entitlements.ts';
import type { RequestBody } from '../entitlements/domain/requirement.ts';
import { fits, type Headroom, headroomsOf, isTooLarge, largestFittingScale } from './domain/fit.ts';
import type { MeteredRoute, PlanBounds } from './domain/route.ts';
import { withinSession } from './domain/session-models.ts';
import type { Metering } from './metering.ts';
import { boundWithinWindow, countPrompt } from './prompt-tokens.ts';

/** A plan of calls and the ledger's answer to its worst case. */
export type Hold = {
  plan: CallPlan;
  /** The plan as the ledger keeps it and generation receives it. */
  planJson: string;
  answer: HoldAnswer;
  scale: number;
  /** Before the hold was requested, on the clock of `performance.now()`: it expires no earlier than its TTL after this. */
  requestedAtMs: number;
};

/** A hold, and the request that it is for: one whose model we choose may get a cheaper one. */
export type CheckedHold<B extends RequestBody> = Hold & { check: EntitlementCheck<B> };

/** Holds the worst case of a request's plan. @throws ProblemError for a refusal. */
export async function holdWithin<B extends RequestBody>(
  metering: Metering,
  route: MeteredRoute<B>,
  check: EntitlementCheck<B>,
  requestId: string,
  caller: Caller,
): Promise<CheckedHold<B>> {
  const { metrics, entitlements } = metering;
  const startedAt = performance.now();
  let hold: CheckedHold<B>;
  try {
    hold = await holdPlan(metering, route, check, caller, requestId);
  } catch (error) {
    const isRefusal = error instanceof ProblemError && error.status < 500;
    metrics.recordHold(isRefusal ? 'refused' : 'unavailable', performance.now() - startedAt);
    throw error;
  }
  const { answer } = hold;
  metrics.recordHold(answer.verdict === 'ok' ? 'admitted' : 'refused', performance.now() - startedAt);
  if (answer.verdict === 'ok') return hold;
  // The refusal stands whether its reason can be read or not.
  const notice = answer.stop === null ? null : await metering.findStopNotice(answer.stop).catch(() => null);
  throw refusal(answer, {
    notice,
    now: metering.now(),
    plan: check.entitlements.plan.key,
    suggestions:
      answer.limit === null ? undefined : await entitlements.suggestPlans(check.entitlements, answer.limit),
  });
}

/**
 * One hold with the bound from the prompt's bytes. If that is refused for its size and the request can be bounded more
 * closely, a second and last one: with counted tokens, and with `fit_budget` at the largest output that fits. Where we choose
 * the model, it is one that the limits admit.
 *
 * @throws ProblemError `prompt_too_large`, before any hold.
 */
export async function holdPlan<B extends RequestBody>(
  metering: Pick<Metering, 'ledger' | 'holdTtlMs' | 'readLimits'>,
  route: Pick<MeteredRoute<B>, 'plan' | 'prompt' | 'smallestScale' | 'cheaper'>,
  asked: EntitlementCheck<B>,
  caller: Caller,
  requestId: string,
): Promise<CheckedHold<B>> {
  const check = await affordable(metering, route, asked, caller);
  const requestedAtMs = performance.now();
  const ttlMs = metering.holdTtlMs;
  const smallestScale = check.body.fit_budget === true ? route.smallestScale : undefined;
  const prompt = route.prompt?.(check);
  let bounds: PlanBounds = { promptTokens: await boundWithinWindow(prompt), scale: 1 };
  const canCount =
    prompt !== undefined && prompt.tokenizer !== null && bounds.promptTokens === prompt.byteBound;
  const canShrink = canCount || smallestScale !== undefined;
  const plan = withinSession(caller, route.plan(check, bounds));
  const first = await hold(metering, requestId, caller, plan, ttlMs, !canShrink);
  if (!canShrink || !isTooLarge(first.answer)) return { ...first, check, scale: 1, requestedAtMs };

  if (canCount) bounds = { ...bounds, promptTokens: await countPrompt(prompt) };
  if (smallestScale !== undefined) {
    bounds = {
      ...bounds,
      scale: await fittingScale(metering, route, check, bounds, smallestScale(plan), caller),
    };
  }
  const closer = withinSession(caller, route.plan(check, bounds));
  const second = await hold(metering, requestId, caller, closer, ttlMs, true);
  return { ...second, check, scale: bounds.scale, requestedAtMs };
}

/** The best form of a request that the account's limits admit now. */
async function affordable<B extends RequestBody>(
  metering: Pick<Metering, 'readLimits'>,
  route: Pick<MeteredRoute<B>, 'plan' | 'prompt' | 'cheaper'>,
  check: EntitlementCheck<B>,
  caller: Caller,
): Promise<EntitlementCheck<B>> {
  const cheaper = route.cheaper?.(check) ?? [];
  // A shorter text by a better model, or the cheapest that can be had.
  const least = check.body.fit_budget === true ? cheaper[0] : cheaper.at(-1);
  if (least === undefined) return check;
  const headrooms = await readHeadrooms(metering, check, caller);
  for (const one of [check, ...cheaper]) {
    const promptTokens = await promptTokensOf(route, one);
    if (promptTokens === null) continue;
    const plan = route.plan(one, { promptTokens, scale: 1 });
    if (fits(worstCaseOf(plan), headrooms)) return one;
  }
  return least;
}

/** Null for a prompt that exceeds the window of its model. */
async function promptTokensOf<B extends RequestBody>(
  route: Pick<MeteredRoute<B>, 'prompt'>,
  check: EntitlementCheck<B>,
): Promise<number | null> {
  try {
    return await boundWithinWindow(route.prompt?.(check));
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'prompt_too_large') return null;
    throw error;
  }
}

async function fittingScale<B extends RequestBody>(
  metering: Pick<Metering, 'readLimits'>,
  route: Pick<MeteredRoute<B>, 'plan'>,
  check: EntitlementCheck<B>,
  bounds: PlanBounds,
  smallest: number,
  caller: Caller,
): Promise<number> {
  const headrooms = await readHeadrooms(metering, check, caller);
  return largestFittingScale(smallest, (scale) =>
    fits(worstCaseOf(route.plan(check, { ...bounds, scale })), headrooms),
  );
}

async function readHeadrooms(
  { readLimits }: Pick<Metering, 'readLimits'>,
  { entitlements }: EntitlementCheck,
  { accountId, userId, keyId, workspaceId }: Caller,
): Promise<Headroom[]> {
  const account = await readLimits({ accountId, userId, keyId, workspaceId }).catch((error: unknown) => {
    throw meteringUnavailable(error);
  });
  return headroomsOf(account?.limits ?? [], entitlements.limits);
}

async function hold(
  { ledger }: Pick<Metering, 'ledger'>,
  id: string,
  { accountId, userId, keyId, workspaceId }: Caller,
  plan: CallPlan,
  ttlMs: number,
  keepRefusal: boolean,
): Promise<Pick<Hold, 'plan' | 'planJson' | 'answer'>> {
  const targets = new Set<string>();
  for (const call of plan.calls) targets.add(call.provider).add(`${call.provider}/${call.model}`);
  // Jobs wait for their turn instead of being refused.
  const parallel = plan.kind === 'job' ? {} : { [PARALLEL_REQUESTS]: 1n };
  const meters = { ...worstCaseOf(plan), ...parallel };
  const planJson = JSON.stringify(plan);
  try {
    const answer = await ledger.hold({
      id,
      accountId,
      userId,
      keyId,
      workspaceId,
      ttlMs,
      meters,
      targets: [...targets],
      detail: planJson,
      keepRefusal,
    });
    return { plan, planJson, answer };
  } catch (error) {
    throw meteringUnavailable(error);
  }
}
