/** Turns the ledger's verdicts into problems that say in full why, until when, and what would lift them. */
import type { HoldAnswer, LimitView } from '#libs/ledger/types.ts';
import { formatUsd } from '#libs/money/money.ts';
import {
  type ProblemError,
  type ProblemFields,
  type ProblemFieldValue,
  problem,
} from '#libs/problems/problems.ts';
import { rateLimitHeaders, secondsUntil } from './rate-limit-headers.ts';

/** Holds settle within seconds; clients that wait this long mostly fit. */
const HELD_RETRY_SECONDS = 2;
/** How long clients should leave us alone when the books cannot be reached, or everything is stopped. */
const UNAVAILABLE_RETRY_SECONDS = 5;

export type RefusalContext = {
  now: Date;
  plan: string;
  /** Plans under which the limit would not have refused, the smallest first. */
  suggestions: ProblemFields | undefined;
  /** What else the client should know of this refusal. */
  fields?: ProblemFields;
};

/** Amounts as clients read them: money in USD beside nano-USD, everything else in pieces. */
export function presentLimit(limit: LimitView): Record<string, ProblemFieldValue> {
  const amounts = { limit: limit.amount, used: limit.used, held: limit.held, asked: limit.asked };
  const shown: Record<string, ProblemFieldValue> = {
    meter: limit.meter,
    window: limit.window,
    scope: limit.scope,
    ...(limit.scope === 'account' ? {} : { scope_id: limit.scopeId }),
    source: limit.source,
    resets_at: limit.resetsAt?.toISOString() ?? null,
  };
  for (const [name, amount] of Object.entries(amounts)) {
    shown[name] = amount === null ? null : amount.toString();
    if (limit.meter === 'cost' && amount !== null) shown[`${name}_usd`] = formatUsd(amount);
  }
  return shown;
}

/** The problem for a verdict other than `ok`. */
export function refusal(answer: HoldAnswer, context: RefusalContext): ProblemError {
  const { limit } = answer;
  const fields: ProblemFields = {
    plan: context.plan,
    ...(limit === null ? {} : { limit: presentLimit(limit) }),
    ...context.suggestions,
    ...context.fields,
  };
  switch (answer.verdict) {
    case 'limit_held':
      return problem('limit_held', {
        fields,
        headers: { ...rateLimitHeaders(limit, context.now), 'retry-after': `${HELD_RETRY_SECONDS}` },
      });
    case 'limit_blocked':
    case 'limit_exceeded':
      return problem(answer.verdict, {
        fields,
        headers: {
          ...rateLimitHeaders(limit, context.now),
          ...(limit?.resetsAt ? { 'retry-after': `${secondsUntil(limit.resetsAt, context.now)}` } : {}),
        },
      });
    case 'meter_disabled':
      return problem('meter_disabled', { fields });
    case 'stopped':
      return problem('emergency_stop', {
        fields: { stop: answer.stop },
        headers: { 'retry-after': `${UNAVAILABLE_RETRY_SECONDS}` },
      });
    default:
      return meteringUnavailable(new Error(`the ledger answered ${answer.verdict}`));
  }
}

/** The books cannot answer, so nothing is admitted. */
export function meteringUnavailable(cause: unknown): ProblemError {
  return problem('metering_unavailable', {
    headers: { 'retry-after': `${UNAVAILABLE_RETRY_SECONDS}` },
    cause,
  });
}
