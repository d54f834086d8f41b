/**
 * The path of every request that calls a provider:
 *
 * authorise → plan → price → hold → forward → respond
 */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PARALLEL_REQUESTS } from '#libs/catalogue/limit.ts';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { degradedHeader } from '#libs/contracts/requirements.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import type { HoldAnswer } from '#libs/ledger/types.ts';
import { ProblemError, problem } from '#libs/problems/problems.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import { rateLimitHeaders } from '#libs/service/rate-limit-headers.ts';
import { meteringUnavailable, refusal, type StopNotice } from '#libs/service/refusal.ts';
import { traceparentOf } from '#libs/service/tracing.ts';
import { checkEntitlements, type EntitlementCheck } from '../entitlements/domain/check-entitlements.ts';
import { type ReadLimits, readPlanContext } from '../entitlements/domain/plan-context.ts';
import type { RequestBody } from '../entitlements/domain/requirement.ts';
import {
  type CompletedResponse,
  type Idempotency,
  type RequestOutcome,
  replayHeaders,
} from '../idempotency/domain.ts';
import type { PriceBook } from '../prices/domain.ts';
import type { PlanRateLimiter } from '../rate-limits/domain/plan-rate-limiter.ts';
import { fits, type Headroom, headroomsOf, isTooLarge, largestFittingScale } from './domain/fit.ts';
import type { TranslateResponse } from './domain/response-translator.ts';
import type { MeteredRoute, PlanBounds } from './domain/route.ts';
import { withinSession } from './domain/session-models.ts';
import { worstCaseOf } from './domain/worst-case.ts';
import { type Forward, RequestNotSentError } from './forward.ts';
import { boundWithinWindow, countPrompt } from './prompt-tokens.ts';

/** What the pipeline works with; the same for every request. */
export type Metering = {
  ledger: Pick<Ledger, 'hold' | 'close'>;
  now: () => Date;
  entitlements: Pick<AccountEntitlements, 'get' | 'catalogueOf' | 'suggestPlans'>;
  readLimits: ReadLimits;
  priceBook: PriceBook;
  planRateLimiter: PlanRateLimiter;
  forward: Forward;
  idempotency: Idempotency;
  metrics: Pick<Metrics, 'recordHold'>;
  /** What callers may read about an emergency stop. */
  findStopNotice: (stop: string) => Promise<StopNotice | null>;
  holdTtlMs: number;
};

/** A plan of calls and the ledger's answer to its worst case. */
type Hold = {
  plan: CallPlan;
  /** The plan as the ledger keeps it and generation receives it. */
  planJson: string;
  answer: HoldAnswer;
  scale: number;
  /** Before the hold was requested, on the clock of `performance.now()`: it expires no earlier than its TTL after this. */
  requestedAtMs: number;
};

/** A hold, and the request that it is for: one whose model we choose may get a cheaper one. */
type CheckedHold<B extends RequestBody> = Hold & { check: EntitlementCheck<B> };

/** A request that its plan allows, in the form that its model takes. */
type AuthorisedRequest<B extends RequestBody> = {
  check: EntitlementCheck<B>;
  /** What the model cannot take, and what is left out. */
  ignored: readonly string[];
};

/** A request that may go to generation. */
type HeldRequest<B extends RequestBody> = AuthorisedRequest<B> & { hold: Hold };

/** Serves one request. @throws ProblemError for every refusal and failure before the response begins. */
export async function serveMetered<B extends RequestBody>(
  metering: Metering,
  route: MeteredRoute<B>,
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller,
): Promise<void> {
  const key = headersOf(request)['idempotency-key'];
  if (key === undefined) {
    const held = await admit(metering, route, request, reply, caller);
    await forward(metering, route, held, request, reply, caller, false);
    reply.hijack();
    return;
  }

  let held: HeldRequest<B> | undefined;
  const { outcome, isReplay } = await metering.idempotency
    .runOnce(
      { caller, requestId: request.id, key: String(key), path: request.url, body: bytesOf(request) },
      async () => {
        held = await admit(metering, route, request, reply, caller);
        return forward(metering, route, held, request, reply, caller, true);
      },
      (error) => recover(metering, route, held, request.id, caller, error),
    )
    .finally(() => endResponse(reply));
  if (!isReplay || outcome.state !== 'done') {
    reply.hijack();
    return;
  }
  const { response } = outcome;
  reply.code(response.status).headers(replayHeaders(response)).send(response.body);
}

/** What the pipeline reads of a request. */
type MeteredRequest = Pick<FastifyRequest, 'id' | 'body' | 'raw' | 'rawBody'>;
/** What the pipeline needs of the reply to a request. */
type MeteredReply = Pick<FastifyReply, 'raw'> & { getHeaders: () => object; hijack: () => unknown };

/**
 * Serves a request that no client has sent, as if its client had left.
 *
 * @returns generation's response.
 * @throws ProblemError for every refusal and failure before the response begins.
 */
export async function serveWithoutClient<B extends RequestBody>(
  metering: Metering,
  route: MeteredRoute<B>,
  { id, body, caller }: { id: string; body: B; caller: Caller },
): Promise<CompletedResponse> {
  const raw = new IncomingMessage(new Socket());
  const request: MeteredRequest = { id, body, raw, rawBody: Buffer.from(JSON.stringify(body)) };
  const response = new ServerResponse(raw).destroy();
  const reply: MeteredReply = { raw: response, getHeaders: () => ({}), hijack: () => undefined };
  const held = await admit(metering, route, request, reply, caller);
  const outcome = await forward(metering, route, held, request, reply, caller, true);
  if (outcome.state !== 'done') throw problem('service_unavailable');
  return outcome.response;
}

async function admit<B extends RequestBody>(
  metering: Metering,
  route: MeteredRoute<B>,
  request: MeteredRequest,
  reply: MeteredReply,
  caller: Caller,
): Promise<HeldRequest<B>> {
  const authorised = await authorise(metering, route, request, reply, caller);
  const { check, ...hold } = await holdWithin(metering, route, authorised.check, request, caller);
  return { ...authorised, check, hold };
}

/** Compares the request with its plan's entitlements, then counts it against the plan's rate limits. */
async function authorise<B extends RequestBody>(
  { entitlements: accounts, priceBook, planRateLimiter }: Metering,
  { operation, rateLimitClass, canServe, adapt }: MeteredRoute<B>,
  request: MeteredRequest,
  reply: MeteredReply,
  caller: Caller,
): Promise<AuthorisedRequest<B>> {
  const body = request.body as B;
  const entitlements = await accounts.get(caller.accountId);
  const check = await checkEntitlements(
    {
      requirements: operation.requirements,
      body,
      caller,
      entitlements,
      ...(canServe && { canServe: (model) => canServe(body, model) }),
    },
    { priceBook, catalogueOf: accounts.catalogueOf },
  );
  const release = await planRateLimiter.acquire(
    caller,
    entitlements,
    rateLimitClass(body, headersOf(request).accept),
  );
  if (release !== undefined) {
    if (reply.raw.closed) release();
    else reply.raw.once('close', release);
  }
  const sender = { caller, requestId: request.id };
  const { body: adapted, ignored } = (await adapt?.(check, sender)) ?? { body: check.body, ignored: [] };
  return { check: { ...check, body: adapted }, ignored };
}

/** Holds the worst case of a request's plan. @throws ProblemError for a refusal. */
async function holdWithin<B extends RequestBody>(
  metering: Metering,
  route: MeteredRoute<B>,
  check: EntitlementCheck<B>,
  request: MeteredRequest,
  caller: Caller,
): Promise<CheckedHold<B>> {
  const { metrics, entitlements } = metering;
  const startedAt = performance.now();
  let hold: CheckedHold<B>;
  try {
    hold = await holdPlan(metering, route, check, caller, request.id);
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
  metering: Pick<Metering, 'ledger' | 'priceBook' | 'holdTtlMs' | 'readLimits'>,
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
  metering: Pick<Metering, 'readLimits' | 'priceBook'>,
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
    if (fits(worstCaseOf(plan, metering.priceBook), headrooms)) return one;
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
  metering: Pick<Metering, 'readLimits' | 'priceBook'>,
  route: Pick<MeteredRoute<B>, 'plan'>,
  check: EntitlementCheck<B>,
  bounds: PlanBounds,
  smallest: number,
  caller: Caller,
): Promise<number> {
  const headrooms = await readHeadrooms(metering, check, caller);
  return largestFittingScale(smallest, (scale) =>
    fits(worstCaseOf(route.plan(check, { ...bounds, scale }), metering.priceBook), headrooms),
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
  { ledger, priceBook }: Pick<Metering, 'ledger' | 'priceBook'>,
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
  const meters = { ...worstCaseOf(plan, priceBook), ...parallel };
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

/** Sends the plan to generation and its response to the client. */
async function forward<B extends RequestBody>(
  metering: Metering,
  route: MeteredRoute<B>,
  held: HeldRequest<B>,
  request: MeteredRequest,
  reply: MeteredReply,
  caller: Caller,
  storeResponse: boolean,
): Promise<RequestOutcome> {
  const { check, hold } = held;
  const fields = route.planContext?.(check);
  const planContext =
    fields &&
    (await readPlanContext(
      { readLimits: metering.readLimits, suggestPlans: metering.entitlements.suggestPlans },
      fields,
      check,
      caller,
      hold.plan,
    ));
  const headers = headersOf(request);
  const { accept, 'cache-control': cacheControl } = headers;
  try {
    const response = await metering.forward({
      head: {
        requestId: request.id,
        caller,
        plan: hold.plan,
        holdExpiresAtMs: hold.answer.expiresAt.getTime(),
        holdMsLeft: msLeftOf(hold),
        storeResponse,
        ...(planContext && { planContext }),
        ...(route.jobTerms && { terms: route.jobTerms(check, { caller, cacheControl }) }),
        ...(accept !== undefined && { accept }),
      },
      planJson: hold.planJson,
      body: check.body === request.body ? bytesOf(request) : Buffer.from(JSON.stringify(check.body)),
      response: reply.raw,
      onBegin: () => reply.hijack(),
      ...(route.translate && { translate: route.translate }),
      traceparent: traceparentOf(headers),
      responseHeaders: {
        ...(reply.getHeaders() as Record<string, string>),
        ...responseHeaders(metering, route, held),
      },
    });
    return response === undefined ? { state: 'running' } : { state: 'done', response };
  } catch (error) {
    if (!(error instanceof RequestNotSentError)) throw error;
    // No provider was called, so the hold need not wait for its expiry.
    await metering.ledger.close({ holdId: request.id, accountId: caller.accountId });
    if (reply.raw.destroyed) return { state: 'unknown' };
    throw problem('service_unavailable', { cause: error, headers: { 'retry-after': '1' } });
  }
}

/** A duration, because the clock of this machine may differ from the database's. */
function msLeftOf({ answer, requestedAtMs }: Hold): number {
  return Math.max(0, Math.floor(answer.msLeft - (performance.now() - requestedAtMs)));
}

function responseHeaders<B extends RequestBody>(
  { now }: Metering,
  route: MeteredRoute<B>,
  { check: { entitlements, degraded }, ignored, hold }: HeldRequest<B>,
): Record<string, string> {
  return {
    ...rateLimitHeaders(hold.answer.limit, now()),
    'x-inkmeter-plan': entitlements.plan.key,
    ...(degraded.length > 0 && { 'x-inkmeter-degraded': degradedHeader(degraded) }),
    ...(ignored.length > 0 && { 'x-inkmeter-ignored': ignored.join(', ') }),
    ...route.responseHeaders?.(hold.plan, hold.scale),
  };
}

/**
 * What became of a request that failed here. Once it was sent, generation may have finished it and stored the response.
 * If generation does not answer, the request counts as running: a repeat must not spend twice.
 */
async function recover<B extends RequestBody>(
  metering: Metering,
  route: MeteredRoute<B>,
  held: HeldRequest<B> | undefined,
  requestId: string,
  caller: Caller,
  error: unknown,
): Promise<RequestOutcome> {
  if (held === undefined || isNotStarted(error)) return { state: 'unknown' };
  const outcome = await metering.idempotency
    .readOutcome(requestId, caller)
    .catch((): RequestOutcome => ({ state: 'running' }));
  if (outcome.state !== 'done') return outcome;
  // Generation stores responses in its own format, without the headers that only the gateway knows.
  const response = await translated(outcome.response, route.translate);
  const headers = { ...response.headers, ...responseHeaders(metering, route, held) };
  return { state: 'done', response: { ...response, headers } };
}

async function translated(
  response: CompletedResponse,
  translate: TranslateResponse | undefined,
): Promise<CompletedResponse> {
  if (translate === undefined) return response;
  const { status, headers, body } = response;
  const translator = translate({ status, contentType: headers['content-type'] ?? '' });
  return {
    status,
    headers: { ...headers, ...(translator.contentType && { 'content-type': translator.contentType }) },
    body: Buffer.from(translator.push(body) + (await translator.end())),
  };
}

/** Ends a response that has begun. Its client may repeat the request from now on, so the outcome is recorded before. */
function endResponse({ raw }: FastifyReply): void {
  if (raw.headersSent && !raw.writableEnded && !raw.destroyed) raw.end();
}

const NO_BYTES = Buffer.alloc(0);

const bytesOf = (request: MeteredRequest) => request.rawBody ?? NO_BYTES;

/** As they came: Fastify merges them with the validated ones at each read. */
const headersOf = ({ raw }: Pick<FastifyRequest, 'raw'>) => raw.headers;

const isNotStarted = (error: unknown) => error instanceof Error && error.cause instanceof RequestNotSentError;
