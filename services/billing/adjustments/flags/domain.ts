/** Feature flags: their rows, their evaluation and their wire form. */
import type { FeatureFlag, FlagRule } from '#libs/catalogue/flags.ts';
import type { FlagRuleWire, FlagWire } from '#libs/contracts/flags.ts';
import type { featureFlags } from '#libs/db/schema/billing.ts';

export type FlagRow = typeof featureFlags.$inferSelect;

const BPS_PER_PERCENT = 100;

export function toFeatureFlag({
  key,
  feature,
  enabled,
  rules,
}: Pick<FlagRow, 'key' | 'feature' | 'enabled' | 'rules'>): FeatureFlag {
  return { key, enabled, rules: rules.map(toRule), ...(feature !== null && { feature }) };
}

function toRule(rule: FlagRuleWire): FlagRule {
  switch (rule.kind) {
    case 'account':
      return { kind: rule.kind, accountIds: rule.account_ids, on: rule.on };
    case 'percent':
      return { kind: rule.kind, bps: Math.round(rule.percentage * BPS_PER_PERCENT), on: rule.on };
    default:
      return rule;
  }
}

export function presentFlag({ updatedAt, ...flag }: FlagRow): FlagWire {
  return { ...flag, updated_at: updatedAt.toISOString() };
}

/** The state of a flag in the audit log. */
export function flagState(flag: FlagRow | undefined) {
  if (flag === undefined) return null;
  const { description, feature, enabled, rules } = flag;
  return { description, feature, enabled, rules };
}
