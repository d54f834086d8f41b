import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { LimitState } from '#libs/ledger/types.ts';
import { formatUsd } from '#libs/money/money.ts';
import { reportedUnits } from '#libs/pricing/units.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';
import type { CallContext } from '../../providers/domain/provider-adapter.ts';
import { ProviderError } from '../../providers/domain/provider-error.ts';
import { type RetryPolicy, withRetries } from '../../providers/domain/retry.ts';
import type { ActiveRequest } from '../../requests/domain/active-requests.ts';
import type { CallMetrics } from './call-metrics.ts';
import { CallRecord } from './call-record.ts';
import { failureOf } from './failure.ts';
import { measure, type Outcome } from './measure.ts';
import { type PricedCall, priceCall } from './price-call.ts';
import type { Settlement } from './settlement.ts';

export type CallRunner = {
  metrics: CallMetrics;
  random: () => number;
  retries: RetryPolicy;
  /** Longest wait for an answer, or for the first piece of a stream. */
  providerTimeoutMs: number;
  /** Longest silence inside a stream. */
  idleTimeoutMs: number;
};

export type ProviderCall = {
  requestId: string;
  call: PlannedCall;
  active: ActiveRequest;
  settlement: Settlement;
  /** Counts the tokens of the prompt, for a provider that reports no usage. */
  countPrompt?: () => Promise<number>;
  /** Whether this is the last call of the hold, given how it ended. */
  isLast: (status: Outcome['status']) => boolean;
  /**
   * Runs when the result is complete, before it is settled: a response stored here is found by a repeated request even
   * after a crash. Must not throw, because the call is settled in any case.
   */
  beforeSettle?: (figures: Figures) => Promise<void>;
};

/** Cost and tokens of a call, as clients and the gateway see them. */
export type Figures = { costNanoUsd: bigint; tokens: number };

export type SettledFigures = Figures & { state: LimitState };

/** One attempt at a provider call. It writes what it observes to the record, and resolves when the answer is complete. */
export type Attempt<Result> = (context: CallContext, record: CallRecord) => Promise<Result>;

const SUCCESS: Outcome = { status: 'ok', errorCode: null, mayBeBilled: true };

/**
 * Runs one provider call and settles it, however it ends. Resolves after settling.
 *
 * @throws ProblemError saying why there is no complete answer. Output until then is settled too.
 */
export async function runCall<Result>(
  runner: CallRunner,
  providerCall: ProviderCall,
  attempt: Attempt<Result>,
): Promise<{ result: Result; figures: SettledFigures }> {
  const { call } = providerCall;
  const record = new CallRecord(call);
  let result: Result;
  try {
    result = await attemptCall(runner, providerCall, record, attempt);
  } catch (error) {
    throw await settleFailure(runner, providerCall, record, error);
  }
  record.end();
  runner.metrics.recordProviderCall(call.provider, 'ok', record.latencyMs);
  const priced = priceCall(call, await measure(call, record, SUCCESS, providerCall.countPrompt));
  await providerCall.beforeSettle?.(figuresOf(priced));
  const figures = await settle(runner, providerCall, record, SUCCESS, priced);
  return { result, figures };
}

function attemptCall<Result>(
  runner: CallRunner,
  { requestId, call, active }: ProviderCall,
  record: CallRecord,
  attempt: Attempt<Result>,
): Promise<Result> {
  const context: CallContext = {
    signal: active.signal,
    timeoutMs: runner.providerTimeoutMs,
    idleTimeoutMs: runner.idleTimeoutMs,
    callId: `${requestId}/${call.index}`,
    trace: record,
  };
  return withRetries(
    async (number) => {
      if (active.signal.aborted) throw new ProviderError('cancelled', 'The call was cancelled.');
      record.attempts = number;
      record.isInFlight = true;
      return await attempt(context, record);
    },
    {
      policy: runner.retries,
      signal: active.signal,
      random: runner.random,
      producedOutput: () => record.hasOutput,
      onRetry: () => {
        record.isInFlight = false;
        runner.metrics.recordProviderRetry(call.provider);
      },
    },
  );
}

async function settleFailure(
  runner: CallRunner,
  providerCall: ProviderCall,
  record: CallRecord,
  thrown: unknown,
): Promise<ProblemError> {
  const { call, active } = providerCall;
  const reason = active.reason();
  const failure = failureOf(thrown, call, reason);
  // refused before anything was sent, so there is no call to settle
  if (record.requestBytes === 0) return failure.problem;
  if (thrown instanceof ProviderError) record.providerRequestId ??= thrown.providerRequestId;
  const measured = await measure(call, record, failure.outcome, providerCall.countPrompt);
  record.end();
  runner.metrics.recordProviderCall(call.provider, failure.metric, record.latencyMs);
  if (reason !== null) runner.metrics.recordAborted(call.provider, reason);
  const figures = await settle(runner, providerCall, record, failure.outcome, priceCall(call, measured));
  return withFigures(failure.problem, figures, failure.outcome.status);
}

async function settle(
  { metrics }: CallRunner,
  { call, settlement, isLast }: ProviderCall,
  record: CallRecord,
  outcome: Outcome,
  priced: PricedCall,
): Promise<SettledFigures> {
  const { state } = await settlement.settle({ call, record, outcome, priced }, isLast(outcome.status));
  for (const [unitClass, count] of reportedUnits(priced.units)) {
    metrics.recordTokens(call.provider, unitClass, Number(count));
  }
  return { ...figuresOf(priced), state };
}

function figuresOf({ cost, tokens }: PricedCall): Figures {
  return { costNanoUsd: cost.totalNanoUsd, tokens };
}

/** The headers that the gateway reads. */
export function figureHeaders(figures: SettledFigures, outcome: Outcome['status']): Record<string, string> {
  return {
    'x-inkmeter-cost-nano-usd': figures.costNanoUsd.toString(),
    'x-inkmeter-tokens': String(figures.tokens),
    'x-inkmeter-budget-state': figures.state,
    'x-inkmeter-outcome': outcome,
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
    headers: { ...headers, ...figureHeaders(figures, status) },
    cause,
  });
}
