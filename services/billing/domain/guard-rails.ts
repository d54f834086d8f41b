/** Emergency limits as staff set them. */
import type { GuardRailSetting } from '#libs/catalogue/guard-rail.ts';
import type { GuardRailFigures, GuardRailTargetWire, GuardRailWire } from '#libs/contracts/guard-rails.ts';
import { parseUsd } from '#libs/money/money.ts';

export type GuardRailTarget = GuardRailSetting['target'];

export type GuardRailRecord = {
  target: GuardRailTarget;
  enabled: boolean;
  figures: GuardRailFigures;
  reason: string;
  author: string;
  updatedAt: Date;
};

/** The setting in the words of `libs/catalogue`. */
export function guardRailOf({
  target,
  enabled,
  figures,
}: Pick<GuardRailRecord, 'target' | 'enabled' | 'figures'>): GuardRailSetting {
  const { tokens_per_day: tokens, cost_per_day_usd: cost } = figures;
  return {
    target,
    enabled,
    ...(tokens !== undefined && { tokensPerDay: tokens === null ? null : BigInt(tokens) }),
    ...(cost !== undefined && { costPerDayNanoUsd: cost === null ? null : parseUsd(cost) }),
  };
}

export function targetFromWire(target: GuardRailTargetWire): GuardRailTarget {
  return target.kind === 'account' ? { kind: target.kind, accountId: target.account_id } : target;
}

export function presentGuardRail({ target, figures, updatedAt, ...setting }: GuardRailRecord): GuardRailWire {
  return {
    target: target.kind === 'account' ? { kind: target.kind, account_id: target.accountId } : target,
    ...setting,
    ...figures,
    updated_at: updatedAt.toISOString(),
  };
}

/** How the audit log and progress name a target: `global`, `plan:free`, `account:<id>`. */
export function targetName(target: GuardRailTarget): string {
  const id = targetId(target);
  return id === '' ? target.kind : `${target.kind}:${id}`;
}

/** The plan's key or the account's id; empty for everybody. */
export function targetId(target: GuardRailTarget): string {
  if (target.kind === 'account') return target.accountId;
  return target.kind === 'plan' ? target.plan : '';
}

export function targetOf(kind: GuardRailTarget['kind'], id: string): GuardRailTarget {
  if (kind === 'account') return { kind, accountId: id };
  return kind === 'plan' ? { kind, plan: id } : { kind };
}
