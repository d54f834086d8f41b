import type { Entitlements, LadderEntitlement, ModelEntitlement } from './entitlements.ts';
import type { Grant } from './features.ts';
import type { Catalogue } from './schema.ts';

const UNGATED: Grant = { granted: true, source: 'ungated' };

/** Whether a feature may be used. What the catalogue does not sell as a feature is not gated. */
export function featureGrant(entitlements: Entitlements, feature: string): Grant {
  return own(entitlements.features, feature) ?? UNGATED;
}

/** Whether content of a type may be generated. Types the catalogue does not mention are free to use. */
export function contentTypeGrant(entitlements: Entitlements, type: string): Grant {
  return own(entitlements.contentTypes, type) ?? UNGATED;
}

/** The answer to a client that asks for a capability by name; undefined when there is no such capability. */
export function capabilityGrant(
  catalogue: Catalogue,
  entitlements: Entitlements,
  name: string,
): Grant | undefined {
  const feature = own(catalogue.capabilities, name);
  return feature === undefined ? undefined : featureGrant(entitlements, feature);
}

export function isModelAllowed(models: ModelEntitlement, model: string): boolean {
  return models.all || models.allowed.includes(model);
}

/**
 * What to run in place of a model the plan lacks: the best it has below that one on the ladder, else its default.
 * Null when the plan has no model of the kind.
 */
export function fallbackModel(models: ModelEntitlement, requested: string): string | null {
  return nextBelow(models, requested) ?? models.default;
}

/** What to deliver in place of a quality the plan lacks: its highest one not above. Null when it has none. */
export function fallbackQuality(qualities: LadderEntitlement, requested: string): string | null {
  return nextBelow(qualities, requested) ?? qualities.allowed.at(-1) ?? null;
}

function nextBelow(
  { allowed, ladder }: { allowed: readonly string[]; ladder: readonly string[] },
  requested: string,
): string | undefined {
  const position = ladder.indexOf(requested);
  return position === -1 ? undefined : ladder.slice(0, position).findLast((name) => allowed.includes(name));
}

function own<Value>(record: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
