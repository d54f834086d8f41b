/** Emergency limits as staff set them. */
import type { GuardRailSetting } from '#libs/catalogue/guard-rail.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import type { GuardRailFigures, GuardRailTargetWire, GuardRailWire } from '#libs/contracts/guard-rails.ts';
import { parseUsd } from '#libs/money/money.ts';
import { problem } from '#libs/problems/problems.ts';

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

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** @throws ProblemError `invalid_request` where the target does not go with its kind. */
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
  global: 'there is none for everybody.',
  plan: 'it must be the key of a plan.',
  account: 'it must be the id of an account.',
} as const;

/** Refuses what would hold for nobody, or limit nothing. @throws ProblemError `semantic_error` */
export function checkGuardRail({ target, enabled, figures }: GuardRailRecord, catalogue: Catalogue): void {
  if (target.kind === 'plan' && !catalogue.plans.some(({ key }) => key === target.plan)) {
    throw problem('semantic_error', {
      detail: `${target.plan} is no plan of the catalogue on offer.`,
      fields: { param: 'target.plan', known_plans: catalogue.plans.map(({ key }) => key) },
    });
  }
  const { tokens_per_day: tokens, cost_per_day_usd: cost } = figures;
  const said = [
    tokens === undefined ? catalogue.guardRail?.tokensPerDay : tokens,
    cost === undefined ? catalogue.guardRail?.costPerDayNanoUsd : cost,
  ];
  if (enabled && said.every((figure) => figure === null || figure === undefined)) {
    throw problem('semantic_error', {
      detail: 'This would limit nothing: say how many tokens, or how much cost, a day may have.',
      fields: { param: 'tokens_per_day' },
    });
  }
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
