/** Overrides that staff grant to one account. */
import { effectiveLimits } from '#libs/catalogue/effective-limits.ts';
import { type EntitlementInput, planAt } from '#libs/catalogue/entitlements.ts';
import { exactText } from '#libs/catalogue/exact-text.ts';
import { amountOf, isGauge, type Scope, type Window } from '#libs/catalogue/limit.ts';
import type { AccountOverride } from '#libs/catalogue/overrides.ts';
import { findPlan } from '#libs/catalogue/plans.ts';
import { amountToWire } from '#libs/contracts/limits.ts';
import {
  type CreateOverrideBody,
  type NewAmount,
  type OverrideTerms,
  type OverrideWire,
  overrideTerms,
} from '#libs/contracts/overrides.ts';
import type { accountOverrides } from '#libs/db/schema/billing.ts';
import { formatUsd } from '#libs/money/money.ts';
import { problem } from '#libs/problems/problems.ts';
import { MONTHS_PER_CYCLE, periodAt } from '../../subscriptions/domain/period.ts';
import {
  type AccountState,
  entitlementInputOf,
  type Subscription,
} from '../../subscriptions/domain/subscription.ts';

export type OverrideRow = typeof accountOverrides.$inferSelect;

/** Every override in force is part of every computation of the account's limits. */
export const MAX_OVERRIDES = 100;

export function toAccountOverride({
  id,
  terms,
  validFrom,
  validUntil,
}: Pick<OverrideRow, 'id' | 'terms' | 'validFrom' | 'validUntil'>): AccountOverride {
  const time = { id, from: validFrom, until: validUntil };
  switch (terms.kind) {
    case 'quota_boost':
      return { ...time, ...limitSelector(terms), kind: terms.kind, n: BigInt(terms.amount) };
    case 'limit_replacement': {
      const { limit } = terms;
      const amount = limit.kind === 'n' ? amountOf(BigInt(limit.amount)) : limit;
      return { ...time, ...limitSelector(terms), kind: terms.kind, amount };
    }
    case 'feature_grant':
      return { ...time, kind: terms.kind, feature: terms.feature };
    case 'plan_change':
      return { ...time, kind: terms.kind, plan: terms.plan };
  }
}

function limitSelector(terms: { meter: string; window?: Window | undefined; scope?: Scope | undefined }): {
  meter: string;
  window?: Window;
  scope?: Scope;
} {
  const { meter, window, scope } = terms;
  return { meter, ...(window && { window }), ...(scope && { scope }) };
}

function storedAmount(amount: NewAmount) {
  return amount.kind === 'limited' ? { kind: 'n', amount: amount.value } : amount;
}

function presentTerms(terms: OverrideTerms) {
  switch (terms.kind) {
    case 'quota_boost': {
      const { amount, meter } = terms;
      return { ...terms, ...(meter === 'cost' && { amount_usd: formatUsd(BigInt(amount)) }) };
    }
    case 'limit_replacement': {
      const { limit, ...rest } = terms;
      const amount = limit.kind === 'n' ? amountOf(BigInt(limit.amount)) : limit;
      return { ...rest, amount: amountToWire(terms.meter, amount) };
    }
    default:
      return terms;
  }
}

export function presentOverride(record: OverrideRow, now: Date): OverrideWire {
  return {
    id: record.id,
    account_id: record.accountId,
    ...presentTerms(record.terms),
    reason: record.reason,
    author: record.author,
    from: record.validFrom.toISOString(),
    expires_at: record.validUntil?.toISOString() ?? null,
    created_at: record.createdAt.toISOString(),
    updated_at: (record.endedAt ?? record.createdAt).toISOString(),
    ended_at: record.endedAt?.toISOString() ?? null,
    ended_by: record.endedBy,
    state: stateAt(record, now),
  };
}

function stateAt({ validFrom, validUntil, endedAt }: OverrideRow, now: Date): OverrideWire['state'] {
  if (endedAt !== null) return 'ended';
  if (validUntil !== null && validUntil <= now) return 'expired';
  return validFrom > now ? 'scheduled' : 'in_force';
}

/** Whether an override has ended or expired. */
export function isOver(record: OverrideRow, now: Date): boolean {
  return ['ended', 'expired'].includes(stateAt(record, now));
}

/**
 * The override that staff request for an account.
 *
 * @throws ProblemError `semantic_error` for times that contradict each other, for names that the catalogue does not have,
 *   and for an override without effect.
 */
export function createOverride(
  { reason, from, expires_at: expiresAt, ...terms }: CreateOverrideBody,
  state: AccountState,
  { id, author, now }: { id: string; author: string; now: Date },
): OverrideRow {
  const { subscription } = state;
  const override = {
    id,
    accountId: subscription.accountId,
    terms: overrideTerms.parse(
      terms.kind === 'limit_replacement' ? { ...terms, limit: storedAmount(terms.amount) } : terms,
    ),
    reason,
    author,
    ...overrideTimes({ kind: terms.kind, from, expires_at: expiresAt }, subscription, now),
    createdAt: now,
    endedAt: null,
    endedBy: null,
  };
  checkEffective(state, toAccountOverride(override));
  return override;
}

function overrideTimes(
  { kind, from, expires_at: expiresAt }: Pick<CreateOverrideBody, 'kind' | 'from' | 'expires_at'>,
  subscription: Subscription,
  now: Date,
): { validFrom: Date; validUntil: Date | null } {
  const validFrom = from === undefined ? now : new Date(from);
  if (validFrom < now)
    throw refused('from', 'from is in the past. An override cannot apply to past requests.');
  const end = expiresAt === undefined ? (kind === 'quota_boost' ? 'period_end' : null) : expiresAt;
  const validUntil =
    end === 'period_end' ? periodEnd(subscription, validFrom) : end === null ? null : new Date(end);
  if (validUntil !== null && validUntil <= validFrom) {
    throw refused('expires_at', 'expires_at must be later than the start of the override.');
  }
  return { validFrom, validUntil };
}

function periodEnd({ anchor }: Subscription, at: Date): Date {
  return periodAt(anchor, MONTHS_PER_CYCLE.month, at).end;
}

function checkEffective(state: AccountState, override: AccountOverride): void {
  const { catalogue } = state.sold;
  switch (override.kind) {
    case 'feature_grant':
      if (!Object.hasOwn(catalogue.features, override.feature)) {
        throw refused('feature', `The account's catalogue has no feature ${override.feature}.`, {
          known_features: Object.keys(catalogue.features),
        });
      }
      return;
    case 'plan_change':
      if (findPlan(catalogue, override.plan) === undefined) {
        throw refused('plan', `The account's catalogue has no plan ${override.plan}.`, {
          known_plans: catalogue.plans.map(({ key }) => key),
        });
      }
      return;
    default:
      if (isGauge(override.meter) && override.window !== undefined && override.window !== 'total') {
        throw refused('window', `${override.meter} counts what exists now, so its window must be total.`);
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
    'The override would change nothing: the limit does not exist, is unlimited, has this amount, or an emergency limit is lower.',
  );
}

function refused(param: string, detail: string, fields: Record<string, string[]> = {}) {
  return problem('semantic_error', { detail, fields: { param, ...fields } });
}
