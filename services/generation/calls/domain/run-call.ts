import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { LimitState, UsageSource } from '#libs/ledger/types.ts';
import { formatUsd } from '#libs/money/money.ts';
import { reportedUnits } from '#libs/pricing/units.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';
import type { CallAttributes } from '#libs/service/gen-ai-attributes.ts';
import type { CallContext } from '../../providers/domain/provider-adapter.ts';
import { ProviderError } from '../../providers/domain/provider-error.ts';
import { type RetryPolicy, withRetries } from '../../providers/domain/retry.ts';
import type { ActiveRequest } from '../../requests/domain/active-requests.ts';
import { type CallEnding, followRequest } from './call-ending.ts';
import type { CallMetrics, DrainOutcome } from './call-metrics.ts';
import { CallRecord } from './call-record.ts';
import { startCallSpan, usageAttributes } from './call-span.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import { clientLeft, type Failure, failureOf, ProviderOutage } from './failure.ts';
import { measure, type Outcome } from './measure.ts';
import { type PricedCall, priceCall } from './price-call.ts';
import type { Settlement } from './settlement.ts';

export type CallRunner = {
  metrics: CallMetrics;
  /** Decides which of several models is called. */
  breaker: CircuitBreaker;
  random: () => number;
  retries: RetryPolicy;
  /** Longest wait for an answer, or for the first piece of a stream. */
  providerTimeoutMs: number;
  /** Longest silence inside a stream. */
  idleTimeoutMs: number;
  /** What happens to texts while their moderation cannot answer. */
  moderationOutage: ModerationOutage;
};

export const MODERATION_OUTAGES = ['allow', 'refuse'] as const;
export type ModerationOutage = (typeof MODERATION_OUTAGES)[number];

export type ProviderCall<Result = unknown> = {
  requestId: string;
  call: PlannedCall;
  active: ActiveRequest;
  settlement: Settlement;
  /** Counts the tokens of the prompt, for a provider that reports no usage. */
  countPrompt?: (call: PlannedCall) => Promise<number>;
  /** Whether this is the last call of the hold, given how it ended. */
  isLast: (status: Outcome['status']) => boolean;
  /**
   * Runs when the result is complete, before it is settled: a response stored here is found by a repeated request even
   * after a crash. Must not throw, because the call is settled in any case.
   */
  beforeSettle?: (figures: Figures, result: Result) => Promise<void>;
  /** Whether the caller makes the call again later if no model can be reached: such a call is not settled. */
  mayRepeatLater?: boolean;
};

/** A call with the `traceparent` that its provider receives. */
type TracedCall<Result> = ProviderCall<Result> & { traceparent: string | undefined };

/** Cost and tokens of a call, as clients and the gateway see them, and the model that answered. */
export type Figures = { costNanoUsd: bigint; tokens: number; model?: string };

export type SettledFigures = Figures & { state: LimitState };

/** One attempt at a provider call, or at one of its fallbacks. It writes what it observes to the record, and resolves when the answer is complete. */
export type Attempt<Result> = (
  context: CallContext,
  record: CallRecord,
  call: PlannedCall,
) => Promise<Result>;

const SUCCESS: Outcome = { status: 'ok', errorCode: null, mayBeBilled: true };

const DRAIN_OUTCOMES: Readonly<Record<UsageSource, DrainOutcome>> = {
  provider: 'complete',
  counted: 'counted',
  estimated: 'counted',
  bound: 'bound',
};

/**
 * Runs one provider call and settles it, however it ends. Resolves after settling. A model that fails before it has produced
 * anything, so that nothing is charged, is replaced by the next fallback of the plan; a model that keeps failing is left
 * out. The call that is settled is that of the model that answered.
 *
 * @throws ProblemError saying why there is no complete answer. Output until then is settled too.
 * @throws ProviderOutage instead, for a call that may be repeated later.
 */
export async function runCall<Result>(
  runner: CallRunner,
  providerCall: ProviderCall<Result>,
  attempt: Attempt<Result>,
): Promise<{ result: Result; figures: SettledFigures }> {
  const { call, active } = providerCall;
  const candidates = [call, ...(call.fallbacks ?? [])];
  for (const [position, candidate] of candidates.entries()) {
    const isLast = position === candidates.length - 1;
    if (!isLast && !runner.breaker.allows(targetOf(candidate))) continue;
    // An emergency stop of a fallback ends the call only if that is used.
    if (position > 0 && !active.use(targetsOf(candidate))) {
      if (isLast) throw problem('emergency_stop');
      continue;
    }
    const answer = await runCandidate(runner, { ...providerCall, call: candidate }, attempt, !isLast);
    if (answer !== undefined) return answer;
  }
  throw new Error('A call had no candidate.');
}

function targetOf({ provider, model }: PlannedCall): string {
  return `${provider}/${model}`;
}

function targetsOf(call: PlannedCall): string[] {
  return [call.provider, targetOf(call)];
}

/** @returns undefined if the next candidate should be called: nothing was produced, and nothing is settled. */
async function runCandidate<Result>(
  runner: CallRunner,
  providerCall: ProviderCall<Result>,
  attempt: Attempt<Result>,
  hasNext: boolean,
): Promise<{ result: Result; figures: SettledFigures } | undefined> {
  const { call, active, countPrompt, beforeSettle } = providerCall;
  if (active.isAbandoned()) throw problem('client_closed_request');
  const record = new CallRecord(call);
  const span = startCallSpan(providerCall.requestId, call, active.traceparent);
  let spanEnd: CallAttributes = {};
  let isDrained = false;
  const ending = followRequest(active, record, () => {
    isDrained = true;
    runner.metrics.recordDraining();
  });
  let source: UsageSource = 'estimated';
  try {
    const { result, failure } = await attemptCall(
      runner,
      { ...providerCall, traceparent: span?.traceparent ?? active.traceparent },
      record,
      ending,
      attempt,
    );
    if (failure) spanEnd = { errorType: failure.problem.code };
    // refused before anything was sent, so there is no call to settle
    const mayContinue = hasNext || providerCall.mayRepeatLater === true;
    if (failure && record.requestBytes === 0 && !(mayContinue && failure.isOutage)) throw failure.problem;
    const outcome = failure?.outcome ?? SUCCESS;
    const isLost = failure?.isOutage === true && !record.hasBegun && !record.hasOutput;
    if (failure && isLost && (hasNext || providerCall.mayRepeatLater === true)) {
      record.end();
      recordEnd(runner.metrics, call, record, failure, ending);
      if (!hasNext) throw new ProviderOutage(failure.problem);
      return undefined;
    }
    const measured = await measure(call, record, outcome, countPrompt && (() => countPrompt(call)));
    source = measured.source;
    record.end();
    recordEnd(runner.metrics, call, record, failure, ending);
    const priced = priceCall(call, measured, record.serviceTier);
    spanEnd = { ...spanEnd, ...usageAttributes(record, priced) };
    if (!failure && beforeSettle) await beforeSettle(figuresOf(priced, call), result as Result);
    const figures = await settle(runner, providerCall, record, outcome, priced);
    if (failure) throw withFigures(failure.problem, figures, outcome.status);
    return { result: result as Result, figures };
  } finally {
    ending.release();
    span?.end(spanEnd);
    if (isDrained) runner.metrics.recordDrained(call.provider, DRAIN_OUTCOMES[source]);
  }
}

/** The result of a call, or why there is none. A complete answer whose client has left is a failure too. */
async function attemptCall<Result>(
  runner: CallRunner,
  providerCall: TracedCall<Result>,
  record: CallRecord,
  ending: CallEnding,
  attempt: Attempt<Result>,
): Promise<{ result?: Result; failure?: Failure }> {
  const { call } = providerCall;
  try {
    const result = await attemptWithRetries(runner, providerCall, record, ending.signal, attempt);
    record.isComplete = true;
    runner.breaker.succeeded(targetOf(call));
    return ending.reason() === 'client_gone' ? { failure: clientLeft() } : { result };
  } catch (thrown) {
    if (thrown instanceof ProviderError) record.providerRequestId ??= thrown.providerRequestId;
    const reason = ending.reason();
    if (reason === null && isProvidersFailure(thrown)) runner.breaker.failed(targetOf(call));
    return { failure: failureOf(thrown, call, reason, ending.stop()) };
  }
}

/** Neither the request's fault nor ours: another model may answer. */
function isProvidersFailure(thrown: unknown): boolean {
  return thrown instanceof ProviderError && thrown.blame !== 'caller' && thrown.kind !== 'cancelled';
}

function attemptWithRetries<Result>(
  runner: CallRunner,
  { requestId, call, active, traceparent }: TracedCall<Result>,
  record: CallRecord,
  signal: AbortSignal,
  attempt: Attempt<Result>,
): Promise<Result> {
  const context: CallContext = {
    signal,
    timeoutMs: runner.providerTimeoutMs,
    idleTimeoutMs: runner.idleTimeoutMs,
    callId: `${requestId}/${call.index}`,
    traceparent,
    trace: record,
  };
  return withRetries(
    (number) => {
      if (signal.aborted || active.isAbandoned())
        throw new ProviderError('cancelled', 'The call was cancelled.');
      record.attempts = number;
      record.isInFlight = true;
      return attempt(context, record, call);
    },
    {
      policy: runner.retries,
      signal,
      random: runner.random,
      producedOutput: () => record.hasBegun || record.hasOutput,
      onRetry: () => {
        record.isInFlight = false;
        runner.metrics.recordProviderRetry(call.provider);
      },
    },
  );
}

function recordEnd(
  metrics: CallMetrics,
  { provider }: PlannedCall,
  { latencyMs }: CallRecord,
  failure: Failure | undefined,
  ending: CallEnding,
): void {
  metrics.recordProviderCall(provider, failure?.metric ?? 'ok', latencyMs);
  const reason = failure ? ending.reason() : null;
  if (reason !== null) metrics.recordAborted(provider, reason);
}

async function settle(
  { metrics }: CallRunner,
  { call, settlement, isLast }: Pick<ProviderCall, 'call' | 'settlement' | 'isLast'>,
  record: CallRecord,
  outcome: Outcome,
  priced: PricedCall,
): Promise<SettledFigures> {
  const { state } = await settlement.settle({ call, record, outcome, priced }, isLast(outcome.status));
  if (priced.source === 'bound') metrics.recordBound(call.provider);
  for (const [unitClass, count] of reportedUnits(priced.units)) {
    metrics.recordTokens(call.provider, unitClass, Number(count));
  }
  return { ...figuresOf(priced, call), state };
}

function figuresOf({ cost, tokens }: PricedCall, { model }: PlannedCall): Figures {
  return { costNanoUsd: cost.totalNanoUsd, tokens, model };
}

/** The headers that the gateway reads. */
export function figureHeaders(figures: SettledFigures, outcome: Outcome['status']): Record<string, string> {
  return {
    'x-inkmeter-cost-nano-usd': figures.costNanoUsd.toString(),
    'x-inkmeter-tokens': String(figures.tokens),
    'x-inkmeter-budget-state': figures.state,
    'x-inkmeter-outcome': outcome,
    ...(figures.model !== undefined && { 'x-inkmeter-model': figures.model }),
  };
}

/** Adds cost and tokens to a failure. */
function withFigures(
  refusal: ProblemError,
  figures: SettledFigures,
  status: Outcome['status'],
): ProblemError {
  const { code, message, fields, headers, cause } = refusal;
  return problem(code, {
    detail: message,
    fields: { ...fields, cost_usd: formatUsd(figures.costNanoUsd), tokens: figures.tokens },
    headers: {
      ...headers,
      ...figureHeaders(figures, status),
      // SDKs repeat failed requests, and each would be charged
      ...(figures.costNanoUsd > 0n && { 'x-should-retry': 'false' }),
    },
    cause,
  });
}
