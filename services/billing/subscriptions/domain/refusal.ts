import type { Plan } from '#libs/catalogue/schema.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';
import { unknownPlanProblem } from '../../plans/domain/offer.ts';
import type { PlanChange } from './plan-change.ts';

const CHANGE_DETAILS = {
  already_on_plan: 'The account is on this plan already.',
  contact_sales: 'The price of this plan is negotiated. Contact sales.',
  managed_by_provider:
    'The payment provider renews this plan. Change it there, or end that subscription first.',
  cycle_not_sold: 'This plan is not sold by this cycle.',
  cycle_too_short: 'A paid year cannot become a month before it ends. Keep the cycle, or downgrade.',
  not_a_higher_rank: 'This plan does not rank above the current one. Use downgrade.',
  not_a_lower_rank: 'This plan does not rank below the current one. Use upgrade.',
  nothing_to_cancel: 'There is no plan to cancel.',
  nothing_paid: 'The account pays for no plan. Start with POST /api/billing/checkout.',
  cancelled: 'The plan ends with its period. Resume it first.',
  trial_ends_by_itself: 'A trial ends by itself, and nothing is charged.',
} as const;

const TRIAL_DETAILS = {
  trial_used: 'An account, and each of its owners, can have one trial.',
  not_on_default_plan: 'Only an account on a free plan can start a trial.',
  plan_without_trial: 'This plan has no trial.',
} as const;

export type ChangeRefusalReason = keyof typeof CHANGE_DETAILS;
export type TrialRefusalReason = keyof typeof TRIAL_DETAILS;

/** Why a decision is not to change anything. */
export type Refusal =
  | { code: 'plan_change_not_allowed'; reason: ChangeRefusalReason; plan?: string }
  | { code: 'trial_not_available'; reason: TrialRefusalReason; plan: string }
  | { code: 'unknown_plan'; plan: string; availablePlans: readonly Plan[] }
  | { code: 'unknown_payment_request' }
  | { code: 'payment_request_paid' }
  | { code: 'payment_request_void'; note: string | null };

export function refusalProblem(refusal: Refusal): ProblemError {
  switch (refusal.code) {
    case 'plan_change_not_allowed': {
      const { code, reason, plan } = refusal;
      return problem(code, { detail: CHANGE_DETAILS[reason], fields: { reason, plan } });
    }
    case 'trial_not_available': {
      const { code, reason, plan } = refusal;
      return problem(code, { detail: TRIAL_DETAILS[reason], fields: { reason, plan } });
    }
    case 'unknown_plan':
      return unknownPlanProblem(refusal.plan, refusal.availablePlans);
    case 'unknown_payment_request':
      return problem('not_found');
    case 'payment_request_paid':
      return problem('conflict', { detail: 'The payment request is paid.', fields: { state: 'paid' } });
    case 'payment_request_void':
      return problem('conflict', {
        detail: `The payment request is void: ${refusal.note}. Request the plan again.`,
        fields: { state: 'void' },
      });
  }
}

export const MANAGED_BY_PROVIDER: Refusal = {
  code: 'plan_change_not_allowed',
  reason: 'managed_by_provider',
};

export function unknownPlan(plan: string, availablePlans: readonly Plan[]): Refusal {
  return { code: 'unknown_plan', plan, availablePlans };
}

/** Why a change cannot be made in the requested direction. */
export function directionRefusal(change: PlanChange, requested: 'upgrade' | 'downgrade'): Refusal {
  const wrongDirection = requested === 'upgrade' ? 'not_a_higher_rank' : 'not_a_lower_rank';
  const isWrongDirection = change.direction !== requested && change.refusal !== 'already_on_plan';
  const reason = isWrongDirection || change.refusal === 'same_rank' ? wrongDirection : change.refusal;
  return { code: 'plan_change_not_allowed', reason: reason ?? wrongDirection, plan: change.target.key };
}
