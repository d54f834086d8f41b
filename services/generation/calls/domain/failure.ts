import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { type ProblemCode, type ProblemError, problem } from '#libs/problems/problems.ts';
import type { ProviderOutcome } from '#libs/service/metrics.ts';
import { ProviderError, type ProviderErrorKind } from '../../providers/domain/provider-error.ts';
import { type ActiveStop, type EndReason, stopProblem } from '../../requests/domain/active-requests.ts';
import type { Outcome } from './measure.ts';

const CODE_BY_KIND: Readonly<Record<ProviderErrorKind, ProblemCode>> = {
  bad_request: 'invalid_request',
  context_length: 'prompt_too_large',
  refused: 'provider_refused',
  unsupported: 'unsupported_parameter',
  authentication: 'provider_error',
  not_found: 'provider_error',
  misdirected: 'provider_error',
  rate_limited: 'provider_error',
  overloaded: 'provider_error',
  server: 'provider_error',
  timeout: 'provider_timeout',
  connect: 'provider_error',
  broken: 'provider_error',
  malformed: 'provider_malformed',
  cancelled: 'provider_error',
};

const CODE_BY_REASON: Readonly<Record<EndReason, ProblemCode>> = {
  client_gone: 'client_closed_request',
  emergency_stop: 'emergency_stop',
  deadline: 'provider_timeout',
  shutdown: 'service_unavailable',
};

/** A failed call: how it is settled, what the client receives, and its metric. */
export type Failure = {
  outcome: Outcome;
  problem: ProblemError;
  metric: ProviderOutcome;
  /** The provider certainly did nothing, and another one may answer. */
  isOutage?: boolean;
};

/** No model of a call could be reached, and nothing is charged. */
export class ProviderOutage extends Error {
  override readonly name = 'ProviderOutage';
  constructor(cause: ProblemError) {
    super('No model of the call could be reached.', { cause });
  }
}

/** The answer is complete, but its client has left. */
export function clientLeft(): Failure {
  const left = problem('client_closed_request');
  return {
    outcome: { status: 'aborted', errorCode: left.code, mayBeBilled: true },
    problem: left,
    metric: 'ok',
  };
}

/**
 * @param reason why we ended the request, if we did. It takes precedence over the error of the call.
 * @param stop the emergency stop that ended it, if one did.
 */
export function failureOf(
  thrown: unknown,
  call: PlannedCall,
  reason: EndReason | null,
  stop: ActiveStop | null = null,
): Failure {
  if (reason !== null) {
    const code = CODE_BY_REASON[reason];
    const status = reason === 'deadline' ? 'error' : 'aborted';
    return {
      outcome: { status, errorCode: code, ...billingOf(thrown), ...(reason === 'deadline' && LATE) },
      problem: stop === null ? problem(code, { cause: thrown }) : stopProblem(stop),
      metric: 'cancelled',
    };
  }
  if (!(thrown instanceof ProviderError)) {
    const refusal = problem('internal_error', { cause: thrown });
    return {
      outcome: { status: 'error', errorCode: refusal.code, ...billingOf(thrown) },
      problem: refusal,
      metric: 'error',
    };
  }
  const code = CODE_BY_KIND[thrown.kind];
  return {
    outcome: { status: 'error', errorCode: code, ...billingOf(thrown) },
    problem: problemOf(code, thrown, call),
    metric: metricOf(thrown.kind),
    isOutage: !thrown.mayBeBilled && thrown.blame !== 'caller',
  };
}

/**
 * Failures after which output may be on its way or lost. A failure that the provider reports in a stream is not one of them:
 * everything that it sent came before.
 */
const LOSING: ReadonlySet<ProviderErrorKind> = new Set(['timeout', 'broken', 'malformed']);

/** A process that reaches a deadline may have been suspended, with a part of the answer unread. */
const LATE: Pick<Outcome, 'mayLackOutput'> = { mayLackOutput: true };

function billingOf(thrown: unknown): Pick<Outcome, 'mayBeBilled' | 'mayLackOutput'> {
  if (!(thrown instanceof ProviderError)) return { mayBeBilled: true, mayLackOutput: true };
  return { mayBeBilled: thrown.mayBeBilled, mayLackOutput: LOSING.has(thrown.kind) };
}

/** The provider's message is shown only if the client's request caused the failure. */
function problemOf(code: ProblemCode, error: ProviderError, { provider }: PlannedCall): ProblemError {
  const { message, status, param, retryAfterMs, retryable, blame } = error;
  const isCallers = blame === 'caller';
  return problem(code, {
    ...(isCallers && { detail: message }),
    fields: {
      provider,
      ...(status !== null && { provider_status: status }),
      ...(isCallers && param !== null && { param }),
      retryable,
    },
    ...(retryAfterMs !== null && { headers: { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) } }),
    cause: error,
  });
}

function metricOf(kind: ProviderErrorKind): ProviderOutcome {
  switch (kind) {
    case 'timeout':
    case 'malformed':
    case 'refused':
    case 'cancelled':
      return kind;
    default:
      return 'error';
  }
}
