import { type ProblemError, problem } from '#libs/problems/problems.ts';
import type { PlanChange } from './plan-change.ts';

const REASONS = {
  already_on_plan: 'This is your plan already.',
  contact_sales: 'The price of this plan is a matter of negotiation; contact sales.',
  cycle_not_sold: 'This plan is not sold by this cycle.',
  cycle_too_short: 'A year that is paid cannot become a month before it ends; keep the cycle, or downgrade.',
  not_a_higher_rank: 'This plan does not rank above yours; use downgrade.',
  not_a_lower_rank: 'This plan does not rank below yours; use upgrade.',
  nothing_to_cancel: 'There is no plan to cancel.',
  trial_ends_by_itself: 'A trial ends by itself, and nothing is charged.',
} as const;

export type Refusal = keyof typeof REASONS;

export function changeNotAllowed(reason: Refusal, plan?: string): ProblemError {
  return problem('plan_change_not_allowed', { detail: REASONS[reason], fields: { reason, plan } });
}

/** Why a change cannot be made in the direction that was asked for. */
export function refuseChange(change: PlanChange, asked: 'upgrade' | 'downgrade'): ProblemError {
  const otherWay = asked === 'upgrade' ? 'not_a_higher_rank' : 'not_a_lower_rank';
  const isOtherWay = change.direction !== asked && change.refusal !== 'already_on_plan';
  const reason = isOtherWay || change.refusal === 'same_rank' ? otherWay : change.refusal;
  return changeNotAllowed(reason ?? otherWay, change.target.key);
}
