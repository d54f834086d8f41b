/** Turns a feature on or off independently of plans: for some accounts, a share of them, or all. */
export interface FeatureFlag {
  readonly key: string;
  /** The feature that it controls; by default the flag's own key. */
  readonly feature?: string;
  /** A disabled flag has no effect. */
  readonly enabled: boolean;
  /** The first matching rule applies; if none matches, the plan applies. */
  readonly rules: readonly FlagRule[];
}

/** A rule matches accounts; `on` is whether they have the feature. */
export type FlagRule =
  | { readonly kind: 'boolean'; readonly on: boolean }
  | { readonly kind: 'account'; readonly accountIds: readonly string[]; readonly on: boolean }
  | { readonly kind: 'plan'; readonly plans: readonly string[]; readonly on: boolean }
  | { readonly kind: 'segment'; readonly segments: readonly string[]; readonly on: boolean }
  /** `bps` of all accounts. A larger share includes all accounts of a smaller one. */
  | { readonly kind: 'percent'; readonly bps: number; readonly on: boolean };

export interface FlagSubject {
  readonly accountId: string;
  readonly plan: string;
  readonly segments: readonly string[];
}

const BUCKETS = 10_000;

/** Whether the flag turns the feature on for an account; undefined if no rule matches. */
export function evaluateFlag(flag: FeatureFlag, subject: FlagSubject): boolean | undefined {
  if (!flag.enabled) return undefined;
  return flag.rules.find((rule) => matches(rule, flag.key, subject))?.on;
}

function matches(rule: FlagRule, flagKey: string, subject: FlagSubject): boolean {
  switch (rule.kind) {
    case 'boolean':
      return true;
    case 'account':
      return rule.accountIds.includes(subject.accountId);
    case 'plan':
      return rule.plans.includes(subject.plan);
    case 'segment':
      return rule.segments.some((segment) => subject.segments.includes(segment));
    case 'percent':
      return bucketOf(flagKey, subject.accountId) < rule.bps;
  }
}

/** A number from 0 to 9 999, fixed for a flag and an account and independent between flags. */
export function bucketOf(flagKey: string, accountId: string): number {
  return hash32(`${flagKey}:${accountId}`) % BUCKETS;
}

/**
 * FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/) over UTF-16 units, then MurmurHash3's final mix, which spreads
 * similar ids over the buckets. Not cryptographic.
 */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
