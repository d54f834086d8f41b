/** Plans that are tried: once per account, and once per person who owns one. */
import type { Plan } from '#libs/catalogue/schema.ts';
import { problem } from '#libs/problems/problems.ts';
import { choosablePlans, choosePlan, isFree } from '../plans/offer.ts';
import type { Accounts } from '../subscriptions/accounts.ts';
import type { CatalogueVersion, Subscription } from '../subscriptions/domain.ts';
import { ownPlan } from '../subscriptions/plan-change.ts';
import { daysLater, trying } from '../subscriptions/transitions.ts';

export type TrialRefusal = 'trial_used' | 'not_on_default_plan' | 'plan_without_trial';

const REASONS: Readonly<Record<TrialRefusal, string>> = {
  trial_used: 'A trial is given once to an account, and once to its owners.',
  not_on_default_plan: 'Only an account on a plan that costs nothing can try another one.',
  plan_without_trial: 'There is no trial of this plan.',
};

/** The plans there are trials of, the smallest first. */
export function triablePlans({ catalogue }: CatalogueVersion): Plan[] {
  return choosablePlans(catalogue).filter((plan) => plan.trialDays > 0 && !isFree(plan));
}

/** Whether the account stands where a trial can begin. */
export function canTry(subscription: Subscription, sold: CatalogueVersion): boolean {
  return subscription.status === 'active' && isFree(ownPlan(subscription, sold));
}

export type Trials = {
  /** @throws ProblemError `unknown_plan`, `trial_not_available` */
  start: (accountId: string, plan: string) => Promise<Subscription>;
};

export function createTrials({
  accounts,
  now,
}: {
  accounts: Pick<Accounts, 'change'>;
  now: () => Date;
}): Trials {
  return {
    start: (accountId, name) =>
      accounts.change(accountId, async (current, books) => {
        const offered = await books.offered();
        const plan = choosePlan(offered.catalogue, name);
        // The second click of a double one.
        if (current.status === 'trialing' && current.planKey === plan.key) return current;
        const sold = await books.catalogueVersion(current.catalogueVersionId);
        if (!canTry(current, sold)) throw refuse('not_on_default_plan', plan);
        if (!triablePlans(offered).includes(plan)) throw refuse('plan_without_trial', plan);
        const startedAt = now();
        const endsAt = daysLater(startedAt, plan.trialDays);
        const terms = { planKey: plan.key, catalogueVersionId: offered.id, endsAt };
        const trial = await books.addTrial({ ...terms, startedAt });
        if (trial === undefined) throw refuse('trial_used', plan);
        await books.record({
          kind: 'trial_started',
          subject: trial.id,
          at: startedAt,
          data: { plan: plan.key, ends_at: endsAt.toISOString() },
        });
        return trying(current, terms);
      }),
  };
}

function refuse(reason: TrialRefusal, plan: Plan) {
  return problem('trial_not_available', { detail: REASONS[reason], fields: { reason, plan: plan.key } });
}
