/** What staff grant one account beside its plan. */
import { effectiveLimits } from '#libs/catalogue/effective-limits.ts';
import { type EntitlementInput, planAt } from '#libs/catalogue/entitlements.ts';
import { exactText } from '#libs/catalogue/exact-text.ts';
import { amountOf, isGauge, type Scope, type Window } from '#libs/catalogue/limit.ts';
import type { AccountOverride } from '#libs/catalogue/overrides.ts';
import { findPlan } from '#libs/catalogue/plans.ts';
import type { CreateOverrideBody, OverrideTerms, OverrideWire } from '#libs/contracts/overrides.ts';
import { formatUsd } from '#libs/money/money.ts';
import { problem } from '#libs/problems/problems.ts';
import { MONTHS_PER_CYCLE, periodAt } from '../../subscriptions/domain/period.ts';
import {
  type AccountState,
  entitlementInputOf,
  type Subscription,
} from '../../subscriptions/domain/subscription.ts';

export type OverrideRecord = {
  id: string;
  accountId: string;
  terms: OverrideTerms;
  reason: string;
  author: string;
  from: Date;
  until: Date | null;
  createdAt: Date;
  endedAt: Date | null;
  endedBy: string | null;
};

/** The override in the words of `libs/catalogue`. */
export function overrideOf({
  id,
  terms,
  from,
  until,
}: Pick<OverrideRecord, 'id' | 'terms' | 'from' | 'until'>): AccountOverride {
  const time = { id, from, until };
  switch (terms.kind) {
    case 'quota_boost':
      return { ...time, ...placeOf(terms), kind: terms.kind, n: BigInt(terms.amount) };
    case 'limit_replacement': {
      const { limit } = terms;
      const amount = limit.kind === 'n' ? amountOf(BigInt(limit.amount)) : limit;
      return { ...time, ...placeOf(terms), kind: terms.kind, amount };
    }
    case 'feature_grant':
      return { ...time, kind: terms.kind, feature: terms.feature };
    case 'plan_change':
      return { ...time, kind: terms.kind, plan: terms.plan };
  }
}

function placeOf(terms: { meter: string; window?: Window | undefined; scope?: Scope | undefined }): {
  meter: string;
  window?: Window;
  scope?: Scope;
} {
  const { meter, window, scope } = terms;
  return { meter, ...(window && { window }), ...(scope && { scope }) };
}

export function presentOverride(record: OverrideRecord, now: Date): OverrideWire {
  const { terms } = record;
  const amount =
    terms.kind === 'quota_boost'
      ? terms.amount
      : terms.kind === 'limit_replacement' && terms.limit.kind === 'n'
        ? terms.limit.amount
        : undefined;
  const isMoney = 'meter' in terms && terms.meter === 'cost' && amount !== undefined;
  return {
    id: record.id,
    account_id: record.accountId,
    ...terms,
    ...(isMoney && { amount_usd: formatUsd(BigInt(amount)) }),
    reason: record.reason,
    author: record.author,
    from: record.from.toISOString(),
    expires_at: record.until?.toISOString() ?? null,
    created_at: record.createdAt.toISOString(),
    ended_at: record.endedAt?.toISOString() ?? null,
    ended_by: record.endedBy,
    state: stateAt(record, now),
  };
}

function stateAt({ from, until, endedAt }: OverrideRecord, now: Date): OverrideWire['state'] {
  if (endedAt !== null) return 'ended';
  if (until !== null && until <= now) return 'expired';
  return from > now ? 'scheduled' : 'in_force';
}

/** Whether there is anything left to end. */
export function isOver(record: OverrideRecord, now: Date): boolean {
  return ['ended', 'expired'].includes(stateAt(record, now));
}

/** The times a new override is to be in force, from what staff asked for. @throws ProblemError `semantic_error` */
export function overrideTimes(
  { kind, from: begins, expires_at: ends }: Pick<CreateOverrideBody, 'kind' | 'from' | 'expires_at'>,
  subscription: Subscription,
  now: Date,
): { from: Date; until: Date | null } {
  const from = begins === undefined ? now : new Date(begins);
  if (from < now) throw refused('from', 'from is in the past: what was refused then stays refused.');
  const asked = ends === undefined ? (kind === 'quota_boost' ? 'period_end' : null) : ends;
  const until =
    asked === 'period_end' ? periodEnd(subscription, from) : asked === null ? null : new Date(asked);
  if (until !== null && until <= from) {
    throw refused('expires_at', 'expires_at must come after the override begins.');
  }
  return { from, until };
}

function periodEnd({ anchor }: Subscription, at: Date): Date {
  return periodAt(anchor, MONTHS_PER_CYCLE.month, at).end;
}

/**
 * Refuses what nobody would notice to be without effect.
 *
 * @throws ProblemError `semantic_error` naming what the catalogue does not know, or that nothing would change.
 */
export function checkOverride(state: AccountState, override: AccountOverride): void {
  const { catalogue } = state.sold;
  switch (override.kind) {
    case 'feature_grant':
      if (!Object.hasOwn(catalogue.features, override.feature)) {
        throw refused('feature', `${override.feature} is no feature of the account's catalogue.`, {
          known_features: Object.keys(catalogue.features),
        });
      }
      return;
    case 'plan_change':
      if (findPlan(catalogue, override.plan) === undefined) {
        throw refused('plan', `${override.plan} is no plan of the account's catalogue.`, {
          known_plans: catalogue.plans.map(({ key }) => key),
        });
      }
      return;
    default:
      if (isGauge(override.meter) && override.window !== undefined && override.window !== 'total') {
        throw refused('window', `${override.meter} counts what exists, so its window must be total.`);
      }
      checkEffect(entitlementInputOf(state), override);
  }
}

function checkEffect(input: EntitlementInput, override: AccountOverride): void {
  const at = override.from;
  const limitsWith = (overrides: readonly AccountOverride[]) => {
    const changed = { ...input, overrides };
    const { plan } = planAt(changed, at);
    return effectiveLimits(changed, plan, at).map(({ source: _, ...limit }) => limit);
  };
  if (exactText(limitsWith(input.overrides)) !== exactText(limitsWith([...input.overrides, override])))
    return;
  throw refused(
    'meter',
    'This would change nothing: the limit does not exist, is unlimited, is that already, or an emergency limit binds.',
  );
}

function refused(param: string, detail: string, fields: Record<string, string[]> = {}) {
  return problem('semantic_error', { detail, fields: { param, ...fields } });
}
