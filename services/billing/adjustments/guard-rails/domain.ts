/** Guard rails: emergency limits as staff set them. */
import type { GuardRailSetting } from '#libs/catalogue/guard-rail.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import type { GuardRailTargetWire, GuardRailWire } from '#libs/contracts/guard-rails.ts';
import type { guardRailSettings } from '#libs/db/schema/billing.ts';
import { formatUsd, parseUsd } from '#libs/money/money.ts';
import { problem } from '#libs/problems/problems.ts';

export type GuardRailTarget = GuardRailSetting['target'];

export type GuardRailRow = typeof guardRailSettings.$inferSelect;

export function toGuardRailSetting({
  targetKind,
  target,
  enabled,
  figures,
}: Pick<GuardRailRow, 'targetKind' | 'target' | 'enabled' | 'figures'>): GuardRailSetting {
  const { tokens_per_day: tokens, cost_per_day_usd: cost } = figures;
  return {
    target: targetOf(targetKind, target),
    enabled,
    ...(tokens !== undefined && { tokensPerDay: tokens === null ? null : BigInt(tokens) }),
    ...(cost !== undefined && { costPerDayNanoUsd: cost === null ? null : parseUsd(cost) }),
  };
}

export function targetFromWire(target: GuardRailTargetWire): GuardRailTarget {
  return target.kind === 'account' ? { kind: target.kind, accountId: target.account_id } : target;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** @throws ProblemError `invalid_request` when the target does not fit its kind. */
export function targetFromQuery({
  kind,
  target = '',
}: {
  kind: GuardRailTarget['kind'];
  target?: string | undefined;
}): GuardRailTarget {
  const fits = kind === 'global' ? target === '' : kind === 'plan' ? target !== '' : UUID.test(target);
  if (fits) return targetOf(kind, target);
  const detail = `target is not valid: ${TARGET_FORMS[kind]}`;
  throw problem('invalid_request', { detail, fields: { param: 'target' } });
}

const TARGET_FORMS = {
  global: 'the kind global has no target.',
  plan: 'it must be the key of a plan.',
  account: 'it must be the id of an account.',
} as const;

/** @throws ProblemError `semantic_error` for a plan that does not exist, and for a setting without a limit. */
export function checkGuardRail(
  { targetKind, target, enabled, figures }: GuardRailRow,
  catalogue: Catalogue,
): void {
  if (targetKind === 'plan' && !catalogue.plans.some(({ key }) => key === target)) {
    throw problem('semantic_error', {
      detail: `The active catalogue has no plan ${target}.`,
      fields: { param: 'target.plan', known_plans: catalogue.plans.map(({ key }) => key) },
    });
  }
  const { tokens_per_day: tokens, cost_per_day_usd: cost } = figures;
  const limits = [
    tokens === undefined ? catalogue.guardRail?.tokensPerDay : tokens,
    cost === undefined ? catalogue.guardRail?.costPerDayNanoUsd : cost,
  ];
  if (enabled && limits.every((figure) => figure === null || figure === undefined)) {
    throw problem('semantic_error', {
      detail: 'Set a daily token limit, a daily cost limit, or both.',
      fields: { param: 'tokens_per_day' },
    });
  }
}

export function presentGuardRail(row: GuardRailRow): GuardRailWire {
  const { enabled, figures, reason, author, updatedAt } = row;
  const target = targetOf(row.targetKind, row.target);
  return {
    target: target.kind === 'account' ? { kind: target.kind, account_id: target.accountId } : target,
    enabled,
    reason,
    author,
    ...figures,
    updated_at: updatedAt.toISOString(),
  };
}

/** The name of a target in the audit log and in rollouts: `global`, `plan:free`, `account:<id>`. */
/** The order of the list: the global setting, those of plans, then those of accounts. */
export function orderOf({ targetKind, target }: Pick<GuardRailRow, 'targetKind' | 'target'>): string {
  return `${['global', 'plan', 'account'].indexOf(targetKind)} ${target}`;
}

export function targetName(target: GuardRailTarget): string {
  const id = targetId(target);
  return id === '' ? target.kind : `${target.kind}:${id}`;
}

/** The state of a setting in the audit log. */
export function guardRailState(row: GuardRailRow | undefined) {
  return row === undefined ? null : { enabled: row.enabled, ...row.figures };
}

/** The plan's key or the account's id; empty for the global target. */
export function targetId(target: GuardRailTarget): string {
  if (target.kind === 'account') return target.accountId;
  return target.kind === 'plan' ? target.plan : '';
}

export function targetOf(kind: GuardRailTarget['kind'], id: string): GuardRailTarget {
  if (kind === 'account') return { kind, accountId: id };
  return kind === 'plan' ? { kind, plan: id } : { kind };
}

/** The emergency limits that a catalogue defines. */
export function presentCatalogueGuardRail({ guardRail }: Catalogue) {
  if (guardRail === null) return null;
  const { tokensPerDay, costPerDayNanoUsd, plans, segments } = guardRail;
  return {
    tokens_per_day: tokensPerDay?.toString() ?? null,
    cost_per_day_usd: costPerDayNanoUsd === null ? null : formatUsd(costPerDayNanoUsd),
    plans,
    segments,
  };
}
