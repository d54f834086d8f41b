/** Feature flags as they are kept, shown and evaluated. */
import type { FeatureFlag, FlagRule } from '#libs/catalogue/flags.ts';
import type { FlagRuleWire, FlagWire } from '#libs/contracts/flags.ts';

export type FlagRecord = {
  key: string;
  description: string;
  feature: string | null;
  enabled: boolean;
  rules: FlagRuleWire[];
  author: string;
  updatedAt: Date;
};

const BPS_PER_PERCENT = 100;

/** The flag in the words of `libs/catalogue`. */
export function flagOf({
  key,
  feature,
  enabled,
  rules,
}: Pick<FlagRecord, 'key' | 'feature' | 'enabled' | 'rules'>): FeatureFlag {
  return { key, enabled, rules: rules.map(ruleOf), ...(feature !== null && { feature }) };
}

function ruleOf(rule: FlagRuleWire): FlagRule {
  switch (rule.kind) {
    case 'account':
      return { kind: rule.kind, accountIds: rule.account_ids, on: rule.on };
    case 'percent':
      return { kind: rule.kind, bps: Math.round(rule.percentage * BPS_PER_PERCENT), on: rule.on };
    default:
      return rule;
  }
}

export function presentFlag({ updatedAt, ...flag }: FlagRecord): FlagWire {
  return { ...flag, updated_at: updatedAt.toISOString() };
}
