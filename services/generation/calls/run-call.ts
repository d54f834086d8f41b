import type { PlannedCall } from '#libs/contracts/work.ts';
import type { LimitState } from '#libs/ledger/types.ts';
import { formatUsd } from '#libs/money/money.ts';
import { reportedUnits } from '#libs/pricing/units.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';
import type { CallContext } from '../providers/port.ts';
import { ProviderError } from '../providers/provider-error.ts';
import { type RetryPolicy, withRetries } from '../providers/retry.ts';
import type { ActiveRequest } from '../requests/active-requests.ts';
import { CallRecord } from './call-record.ts';
import { failureOf } from './failure.ts';
import { measure, type Outcome } from './measure.ts';
import type { GenerationMetrics } from './metrics-port.ts';
import { type PricedCall, priceCall } from './price-call.ts';
import type { Settlement } from './settlement.ts';

export type CallRunner = {
  metrics: GenerationMetrics;
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
  work: ActiveRequest;
  settlement: Settlement;
  /** The tokens of the prompt, as far as they can be counted; asked for where the provider does not tell. */
  countPrompt?: () => Promise<number>;
  /** Whether nothing comes after this call, given how it ended. */
  isLast: (status: Outcome['status']) => boolean;
  /**
   * Keeps the complete answer before it is settled, so that a repeat after a crash finds what was paid for. Must not
   * throw: a call is settled whether or not its answer could be kept.
   */
  keep?: (figures: Figures) => Promise<void>;
};

/** What a call came to, as clients and the gateway are told. */
export type Figures = { costNanoUsd: bigint; tokens: number };

export type SettledFigures = Figures & { state: LimitState };

/** One attempt at a provider. It notes in the record what it sees, and returns when the answer is complete. */
export type Attempt<Result> = (context: CallContext, record: CallRecord) => Promise<Result>;

const SUCCESS: Outcome = { status: 'ok', errorCode: null, mayBeBilled: true };

/**
 * Makes one provider call and puts it into the books, whatever becomes of it. Returns only what has been settled.
 *
 * @throws ProblemError saying why there is no (complete) answer; what was produced until then is settled too.
 */
export async function runCall<Result>(
  runner: CallRunner,
  job: ProviderCall,
  attempt: Attempt<Result>,
): Promise<{ result: Result; figures: SettledFigures }> {
  const { call } = job;
  const record = new CallRecord(call);
  let result: Result;
  try {
    result = await makeCall(runner, job, record, attempt);
  } catch (error) {
    throw await settleFailure(runner, job, record, error);
  }
  record.end();
  runner.metrics.recordProviderCall(call.provider, 'ok', record.latencyMs);
  const priced = priceCall(call, await measure(call, record, SUCCESS, job.countPrompt));
  await job.keep?.(figuresOf(priced));
  const figures = await settle(runner, job, record, SUCCESS, priced);
  return { result, figures };
}

function makeCall<Result>(
  runner: CallRunner,
  { requestId, call, work }: ProviderCall,
  record: CallRecord,
  attempt: Attempt<Result>,
): Promise<Result> {
  const context: CallContext = {
    signal: work.signal,
    timeoutMs: runner.providerTimeoutMs,
    idleTimeoutMs: runner.idleTimeoutMs,
    callId: `${requestId}/${call.index}`,
    trace: record,
  };
  return withRetries(
    async (number) => {
      if (work.signal.aborted) throw new ProviderError('cancelled', 'The call was cancelled.');
      record.attempts = number;
      record.isInFlight = true;
      return await attempt(context, record);
    },
    {
      policy: runner.retries,
      signal: work.signal,
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
  job: ProviderCall,
  record: CallRecord,
  thrown: unknown,
): Promise<ProblemError> {
  const { call, work } = job;
  const reason = work.reason();
  const failure = failureOf(thrown, call, reason);
  // refused before anything was sent: no call was made, so there is none to settle
  if (record.requestBytes === 0) return failure.problem;
  if (thrown instanceof ProviderError) record.providerRequestId ??= thrown.providerRequestId;
  const measured = await measure(call, record, failure.outcome, job.countPrompt);
  record.end();
  runner.metrics.recordProviderCall(call.provider, failure.metric, record.latencyMs);
  if (reason !== null) runner.metrics.recordAborted(call.provider, reason);
  const figures = await settle(runner, job, record, failure.outcome, priceCall(call, measured));
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

/** What the gateway reads off an answer. */
export function figureHeaders(figures: SettledFigures, outcome: Outcome['status']): Record<string, string> {
  return {
    'x-inkmeter-cost-nano-usd': figures.costNanoUsd.toString(),
    'x-inkmeter-tokens': String(figures.tokens),
    'x-inkmeter-budget-state': figures.state,
    'x-inkmeter-outcome': outcome,
  };
}

/** A failure that cost something says so. */
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
