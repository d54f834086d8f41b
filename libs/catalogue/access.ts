import type { Entitlements, LadderEntitlement, ModelEntitlement } from './entitlements.ts';
import type { Grant } from './features.ts';
import type { Catalogue } from './schema.ts';

const UNGATED: Grant = { granted: true, source: 'ungated' };

/** Whether a feature may be used. A feature that the catalogue does not define is not restricted. */
export function featureGrant(entitlements: Entitlements, feature: string): Grant {
  return own(entitlements.features, feature) ?? UNGATED;
}

const NOT_SOLD: Grant = { granted: false, source: 'not_sold' };

/** Whether content of a type may be generated. A catalogue that names no content types sells all of them. */
export function contentTypeGrant({ contentTypes }: Entitlements, type: string): Grant {
  const sellsAll = Object.keys(contentTypes).length === 0;
  return own(contentTypes, type) ?? (sellsAll ? UNGATED : NOT_SOLD);
}

/** The grant of a capability by name; undefined for an unknown name. */
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
 * The replacement for a model that the plan lacks: the best allowed model below it on the ladder, else the default.
 * Null if the plan has no model of the kind.
 */
export function fallbackModel(models: ModelEntitlement, requested: string): string | null {
  return nextBelow(models, requested) ?? models.default;
}

/** The replacement for a quality that the plan lacks: the next lower allowed one. Null if the plan has none. */
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
