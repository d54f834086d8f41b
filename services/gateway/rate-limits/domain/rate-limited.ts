import { type ProblemError, problem } from '#libs/problems/problems.ts';
import type { RateLimitPolicy } from './shared-counters.ts';

type Policy = Pick<RateLimitPolicy, 'name' | 'max'> & Partial<RateLimitPolicy>;

/** `"requests";q=600;w=60`; without a window for what is open at the same time. */
export function policyHeader({ name, max, windowMs }: Policy): string {
  return `"${name}";q=${max}${windowMs === undefined ? '' : `;w=${windowMs / 1000}`}`;
}

/** The refusal of a request by a policy, which its headers name. */
export function rateLimited(policy: Policy, resetMs: number, plan?: string): ProblemError {
  const { name, max, windowMs } = policy;
  const seconds = Math.max(1, Math.ceil(resetMs / 1000));
  return problem('rate_limited', {
    fields: {
      policy: name,
      max_requests: max,
      ...(windowMs !== undefined && { window_seconds: windowMs / 1000 }),
      ...(plan !== undefined && { plan }),
    },
    headers: {
      'ratelimit-policy': policyHeader(policy),
      ratelimit: `"${name}";r=0;t=${seconds}`,
      'retry-after': String(seconds),
    },
  });
}
