import { evaluateFlag, type FeatureFlag, type FlagSubject } from './flags.ts';
import { type AccountOverride, overrideSource, overridesInForce } from './overrides.ts';
import type { Catalogue, Plan } from './schema.ts';

/** Whether a feature or content type may be used, and the source of that decision. */
export interface Grant {
  readonly granted: boolean;
  /** `plan:<key>`, `override:<id>`, `flag:<key>`, or `ungated` for a name that the catalogue does not define. */
  readonly source: string;
}

export interface FeatureGrants {
  /** Every feature of the catalogue, and those that only an override or a flag names. */
  readonly features: Readonly<Record<string, Grant>>;
  /** The value of each flag for this account; false if no rule matches. */
  readonly flags: Readonly<Record<string, boolean>>;
}

/**
 * The features of an account. Overrides take precedence over flags, and flags over the plan. A feature that is a bundle
 * includes its members.
 */
export function featureGrants(
  catalogue: Catalogue,
  plan: Plan,
  overrides: readonly AccountOverride[],
  flags: readonly FeatureFlag[],
  subject: FlagSubject,
  at: Date,
): FeatureGrants {
  const granted = new Map<string, string>();
  const grant = (feature: string, source: string) => {
    for (const member of withBundled(catalogue, feature)) granted.set(member, source);
  };
  for (const feature of plan.features) grant(feature, `plan:${plan.key}`);

  const withheld = new Map<string, string>();
  const verdicts = flags.map((flag) => ({ flag, on: evaluateFlag(flag, subject) }));
  for (const { flag, on } of verdicts) {
    const feature = flag.feature ?? flag.key;
    if (on === true) grant(feature, `flag:${flag.key}`);
    if (on === false) withheld.set(feature, `flag:${flag.key}`);
  }
  for (const feature of withheld.keys()) granted.delete(feature);
  for (const override of overridesInForce(overrides, 'feature_grant', at)) {
    grant(override.feature, overrideSource(override));
  }

  const names = new Set([...Object.keys(catalogue.features), ...withheld.keys(), ...granted.keys()]);
  const features = [...names].map((name): [string, Grant] => {
    const source = granted.get(name);
    if (source !== undefined) return [name, { granted: true, source }];
    return [name, { granted: false, source: withheld.get(name) ?? `plan:${plan.key}` }];
  });
  return {
    features: Object.fromEntries(features),
    flags: Object.fromEntries(verdicts.map(({ flag, on }) => [flag.key, on ?? false])),
  };
}

/** The features of a plan, bundles expanded, in the order of the catalogue. */
export function featuresOf(catalogue: Catalogue, plan: Plan): string[] {
  const granted = new Set(plan.features.flatMap((feature) => [...withBundled(catalogue, feature)]));
  return Object.keys(catalogue.features).filter((feature) => granted.has(feature));
}

function withBundled(catalogue: Catalogue, feature: string, seen = new Set<string>()): Set<string> {
  if (seen.has(feature)) return seen;
  seen.add(feature);
  const members = Object.hasOwn(catalogue.featureBundles, feature)
    ? (catalogue.featureBundles[feature] ?? [])
    : [];
  for (const member of members === '*' ? Object.keys(catalogue.features) : members) {
    withBundled(catalogue, member, seen);
  }
  return seen;
}
