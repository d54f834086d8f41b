/** Converts the ledger's verdicts to problems with the reason, the reset time, and the plans that would lift it. */
import { PARALLEL_REQUESTS } from '#libs/catalogue/limit.ts';
import { refusedLimitToWire } from '#libs/contracts/limits.ts';
import type { HoldAnswer } from '#libs/ledger/types.ts';
import { PROBLEMS, type ProblemError, type ProblemFields, problem } from '#libs/problems/problems.ts';
import { rateLimitHeaders, secondsUntil } from './rate-limit-headers.ts';

/** Holds settle within seconds; most retries after this delay succeed. */
const HELD_RETRY_SECONDS = 2;
/** `Retry-After` while the ledger is unreachable. */
const UNAVAILABLE_RETRY_SECONDS = 5;

/** What callers may read about an emergency stop. Staff's own note is for staff. */
export type StopNotice = { publicReason: string | null; expectedUntil: Date | null };

export type RefusalContext = {
  now: Date;
  plan: string;
  /** Plans whose limit would have admitted the request, smallest first. */
  suggestions: ProblemFields | undefined;
  /** What callers may read about the emergency stop that refused it. */
  notice?: StopNotice | null;
  /** Further fields of the problem. */
  fields?: ProblemFields;
};

/** The problem for a verdict other than `ok`. */
export function refusal(answer: HoldAnswer, context: RefusalContext): ProblemError {
  const { limit } = answer;
  const refused = limit === null ? null : refusedLimitToWire(limit);
  const fields: ProblemFields = {
    plan: context.plan,
    ...(refused !== null && { limit: refused }),
    ...context.suggestions,
    ...context.fields,
  };
  switch (answer.verdict) {
    case 'limit_held':
      return problem(limit?.meter === PARALLEL_REQUESTS ? 'parallel_limit' : 'limit_held', {
        fields,
        headers: { ...rateLimitHeaders(limit, context.now), 'retry-after': `${HELD_RETRY_SECONDS}` },
      });
    case 'limit_blocked':
    case 'limit_exceeded':
      return problem(answer.verdict, {
        ...(refused !== null && { detail: `${PROBLEMS[answer.verdict].detail} The limit: ${refused.text}.` }),
        fields,
        headers: {
          ...rateLimitHeaders(limit, context.now),
          ...(limit?.resetsAt ? { 'retry-after': `${secondsUntil(limit.resetsAt, context.now)}` } : {}),
        },
      });
    case 'meter_disabled':
      return problem('meter_disabled', { fields });
    case 'stopped':
      return emergencyStop(answer.stop, context.notice ?? null, context.now);
    default:
      return meteringUnavailable(new Error(`the ledger answered ${answer.verdict}`));
  }
}

/**
 * A stop lasts until it is lifted, so `Retry-After` is sent only where staff expect a time that is still to come.
 *
 * @param stop as the ledger names it: `global`, or `kind:target`.
 * @param now of a request that is refused; a request that is ended has sent its headers.
 */
export function emergencyStop(stop: string | null, notice: StopNotice | null, now?: Date): ProblemError {
  const { publicReason = null, expectedUntil = null } = notice ?? {};
  const isExpected = expectedUntil !== null && now !== undefined && expectedUntil > now;
  return problem('emergency_stop', {
    ...(publicReason !== null && { detail: `Processing is stopped. ${publicReason}` }),
    fields: { stop, public_reason: publicReason, expected_until: expectedUntil?.toISOString() ?? null },
    ...(isExpected && { headers: { 'retry-after': `${secondsUntil(expectedUntil, now)}` } }),
  });
}

/** The ledger cannot answer, so no request is admitted. */
export function meteringUnavailable(cause: unknown): ProblemError {
  return problem('metering_unavailable', {
    headers: { 'retry-after': `${UNAVAILABLE_RETRY_SECONDS}` },
    cause,
  });
}
