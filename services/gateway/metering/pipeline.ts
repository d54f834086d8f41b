/**
 * The path of every request that calls a provider:
 *
 * authorise → plan → price → hold → forward → respond
 */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { degradedHeader } from '#libs/contracts/requirements.ts';
import { problem } from '#libs/problems/problems.ts';
import { rateLimitHeaders } from '#libs/service/rate-limit-headers.ts';
import { traceparentOf } from '#libs/service/tracing.ts';
import { checkEntitlements, type EntitlementCheck } from '../entitlements/domain/check-entitlements.ts';
import { readPlanContext } from '../entitlements/domain/plan-context.ts';
import type { RequestBody } from '../entitlements/domain/requirement.ts';
import { type CompletedResponse, type RequestOutcome, replayHeaders } from '../idempotency/domain.ts';
import type { TranslateResponse } from './domain/response-translator.ts';
import type { MeteredRoute } from './domain/route.ts';
import { RequestNotSentError } from './forward.ts';
import { type Hold, holdWithin } from './hold.ts';
import type { Metering } from './metering.ts';

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
type MeteredRequest = Pick<FastifyRequest, 'id' | 'body' | 'raw' | 'rawBody' | 'upload'>;
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
  const request: MeteredRequest = { id, body, raw, rawBody: Buffer.from(JSON.stringify(body)), upload: null };
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
  const { check, ...hold } = await holdWithin(metering, route, authorised.check, request.id, caller);
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
  const sender = { caller, requestId: request.id, response: reply.raw };
  const { body: adapted, ignored } = (await adapt?.(check, sender)) ?? { body: check.body, ignored: [] };
  return { check: { ...check, body: adapted }, ignored };
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
      file: request.upload,
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
