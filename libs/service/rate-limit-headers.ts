/**
 * Headers with a client's limits and usage.
 * `RateLimit` and `RateLimit-Policy`: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
 */
import type { LimitView } from '#libs/ledger/types.ts';
import { formatUsd } from '#libs/money/money.ts';

const WINDOW_SECONDS: Readonly<Record<string, number>> = { day: 86_400, week: 604_800 };

/** Structured-field integers have at most 15 digits (RFC 8941); amounts of nano-USD may have more. */
const LARGEST_INTEGER = 999_999_999_999_999n;

const integer = (amount: bigint) => (amount > LARGEST_INTEGER ? LARGEST_INTEGER : amount < 0n ? 0n : amount);

export function secondsUntil(instant: Date, now: Date): number {
  return Math.max(1, Math.ceil((instant.getTime() - now.getTime()) / 1000));
}

/** The policy's name: the meter, its window, and the scope unless it is the account. */
function policyName(limit: LimitView): string {
  const scope = limit.scope === 'account' ? '' : `;${limit.scope}`;
  return `${limit.meter}/${limit.window}${scope}`;
}

/** Headers of the tightest limit; none if no limit applies. Quantities of `cost` are nano-USD. */
export function rateLimitHeaders(limit: LimitView | null, now: Date): Record<string, string> {
  if (limit === null || limit.amount === null) return {};
  const name = JSON.stringify(policyName(limit));
  const remaining = limit.amount - limit.used - limit.held - limit.asked;
  const seconds = WINDOW_SECONDS[limit.window];
  const reset = limit.resetsAt === null ? '' : `;t=${secondsUntil(limit.resetsAt, now)}`;
  return {
    'ratelimit-policy': `${name};q=${integer(limit.amount)}${seconds === undefined ? '' : `;w=${seconds}`}`,
    ratelimit: `${name};r=${integer(remaining)}${reset}`,
  };
}

/** The cost of a finished request. */
export function costHeaders(settled: {
  costNanoUsd: bigint;
  tokens: string;
  state: string;
}): Record<string, string> {
  return {
    'x-inkmeter-cost-usd': formatUsd(settled.costNanoUsd),
    'x-inkmeter-tokens': settled.tokens,
    'x-inkmeter-budget-state': settled.state,
  };
}
