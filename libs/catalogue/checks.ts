import { findModel, type ModelInfo, type ModelKind } from '#libs/pricing/model.ts';
import { namesIn } from './availability.ts';
import { MODEL_ROLES } from './model-roles.ts';
import type { Catalogue, Plan } from './schema.ts';
import { areIncreasing, guardRailThresholds, thresholdsOf } from './thresholds.ts';

export interface CatalogueIssue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Checks that the schema cannot express: references to other parts of the file, orders, and duplicates. */
export function catalogueChecks(catalogue: Catalogue, knownModels?: readonly ModelInfo[]): CatalogueIssue[] {
  return [
    ...nameChecks(catalogue),
    ...vocabularyChecks(catalogue),
    ...thresholdChecks(catalogue),
    ...upgradeChecks(catalogue),
    ...catalogue.plans.flatMap((plan, index) => planChecks(catalogue, plan, ['plans', index])),
    ...(knownModels === undefined ? [] : modelChecks(catalogue, knownModels)),
  ];
}

function nameChecks(catalogue: Catalogue): CatalogueIssue[] {
  const issues: CatalogueIssue[] = [];
  const names = new Map<string, string>();
  const ranks = new Map<number, string>();
  for (const [index, plan] of catalogue.plans.entries()) {
    const path = ['plans', index];
    const claimed = [
      { name: plan.key, at: [...path, 'key'] },
      ...plan.aliases.map((alias, position) => ({ name: alias, at: [...path, 'aliases', position] })),
    ];
    for (const { name, at } of claimed) {
      const owner = names.get(name);
      if (owner !== undefined) issues.push({ path: at, message: `${name} already names the plan ${owner}` });
      names.set(name, plan.key);
    }
    const sameRank = ranks.get(plan.rank);
    if (sameRank !== undefined) {
      issues.push({ path: [...path, 'rank'], message: `the plan ${sameRank} also has rank ${plan.rank}` });
    }
    ranks.set(plan.rank, plan.key);
  }
  const home = catalogue.plans.find((plan) => plan.key === catalogue.defaultPlan);
  if (home === undefined) {
    issues.push({
      path: ['defaultPlan'],
      message: `${catalogue.defaultPlan} is not a plan of this catalogue`,
    });
  } else if (home.price.monthlyMinor !== 0) {
    issues.push({ path: ['defaultPlan'], message: 'new accounts start on it, so its price must be 0' });
  }
  return issues;
}

function vocabularyChecks(catalogue: Catalogue): CatalogueIssue[] {
  const isFeature = (name: string) => Object.hasOwn(catalogue.features, name);
  const bundles = Object.entries(catalogue.featureBundles).flatMap(([bundle, members]) => [
    ...missing([bundle], isFeature, ['featureBundles', bundle], 'feature'),
    ...(members === '*' ? [] : missing(members, isFeature, ['featureBundles', bundle], 'feature')),
  ]);
  const capabilities = Object.entries(catalogue.capabilities).flatMap(([capability, feature]) =>
    missing([feature], isFeature, ['capabilities', capability], 'feature'),
  );
  const contentTypes = Object.entries(catalogue.contentTypes).flatMap(([type, features]) =>
    missing(features, isFeature, ['contentTypes', type], 'feature'),
  );
  const presets = Object.entries(catalogue.qualityPresets).flatMap(([preset, { quality }]) =>
    missing([quality], (name) => catalogue.qualities.includes(name), ['qualityPresets', preset], 'quality'),
  );
  const ladders = (
    ['textModels', 'imageModels', 'embeddingModels', 'qualities', 'platforms'] as const
  ).flatMap((ladder) =>
    repeated(catalogue[ladder]).map((name) => ({ path: [ladder], message: `${name} is listed twice` })),
  );
  // A stored version may mark a cap that has an effect by now.
  const caps = catalogue.plans.flatMap((plan) => Object.keys(plan.caps));
  const sold = new Set([...namesIn(catalogue), ...caps]);
  const unavailable = catalogue.notYetAvailable.flatMap((name, index) =>
    sold.has(name)
      ? []
      : [
          {
            path: ['notYetAvailable', index],
            message: `${name} is not a feature, content type, meter or cap of this catalogue`,
          },
        ],
  );
  const marked = repeated(catalogue.notYetAvailable).map((name) => ({
    path: ['notYetAvailable'],
    message: `${name} is listed twice`,
  }));
  return [...bundles, ...capabilities, ...contentTypes, ...presets, ...ladders, ...unavailable, ...marked];
}

function thresholdChecks(catalogue: Catalogue): CatalogueIssue[] {
  const message = 'must increase from warn to notice, block and hard';
  const issues: CatalogueIssue[] = [];
  if (!areIncreasing(catalogue.thresholds)) issues.push({ path: ['thresholds'], message });
  const { guardRail } = catalogue;
  if (guardRail !== null && !areIncreasing(guardRailThresholds(catalogue, guardRail))) {
    issues.push({ path: ['guardRail', 'thresholds'], message });
  }
  for (const [planIndex, plan] of catalogue.plans.entries()) {
    for (const [limitIndex, limit] of plan.limits.entries()) {
      if (areIncreasing(thresholdsOf(catalogue, plan, limit))) continue;
      issues.push({ path: ['plans', planIndex, 'limits', limitIndex, 'thresholds'], message });
    }
  }
  return issues;
}

function upgradeChecks(catalogue: Catalogue): CatalogueIssue[] {
  const plans = new Map(catalogue.plans.map((plan) => [plan.key, plan]));
  const isPlan = (key: string) => plans.has(key);
  const upgrades = Object.entries(catalogue.upgrades).flatMap(([from, targets]) => [
    ...missing([from], isPlan, ['upgrades', from], 'plan'),
    ...missing(targets, isPlan, ['upgrades', from], 'plan'),
    ...targets
      .filter((to) => (plans.get(to)?.rank ?? 0) < (plans.get(from)?.rank ?? 0))
      .map((to) => ({ path: ['upgrades', from], message: `${to} ranks below ${from}` })),
  ]);
  return [...upgrades, ...missing(catalogue.guardRail?.plans ?? [], isPlan, ['guardRail', 'plans'], 'plan')];
}

function planChecks(catalogue: Catalogue, plan: Plan, path: readonly PropertyKey[]): CatalogueIssue[] {
  const { caps } = plan;
  const isFeature = (name: string) => Object.hasOwn(catalogue.features, name);
  const ladders = [
    {
      cap: 'textModels',
      names: caps.textModels,
      ladder: catalogue.textModels,
      what: 'text model of the ladder',
    },
    {
      cap: 'imageModels',
      names: caps.imageModels,
      ladder: catalogue.imageModels,
      what: 'image model of the ladder',
    },
    {
      cap: 'embeddingModels',
      names: caps.embeddingModels,
      ladder: catalogue.embeddingModels,
      what: 'embedding model of the ladder',
    },
    { cap: 'platforms', names: caps.platforms, ladder: catalogue.platforms, what: 'platform' },
    {
      cap: 'maxQuality',
      names: caps.maxQuality === null ? [] : [caps.maxQuality],
      ladder: catalogue.qualities,
      what: 'quality',
    },
  ] as const;
  const defaults = [
    { cap: 'defaultTextModel', name: caps.defaultTextModel, allowed: caps.textModels },
    { cap: 'defaultImageModel', name: caps.defaultImageModel, allowed: caps.imageModels },
    { cap: 'defaultEmbeddingModel', name: caps.defaultEmbeddingModel, allowed: caps.embeddingModels },
  ] as const;
  const limitKeys = plan.limits.map((limit) => `${limit.meter} per ${limit.window} and ${limit.scope}`);
  return [
    ...missing(plan.features, isFeature, [...path, 'features'], 'feature'),
    ...ladders.flatMap(({ cap, names, ladder, what }) =>
      names === '*' ? [] : missing(names, (name) => ladder.includes(name), [...path, 'caps', cap], what),
    ),
    ...defaults.flatMap(({ cap, name, allowed }) =>
      name === null || allowed === '*' || allowed.includes(name)
        ? []
        : [{ path: [...path, 'caps', cap], message: `${name} is not among the plan's models` }],
    ),
    ...repeated(limitKeys).map((key) => ({
      path: [...path, 'limits', limitKeys.lastIndexOf(key)],
      message: `${key} is limited twice`,
    })),
  ];
}

function modelChecks(catalogue: Catalogue, knownModels: readonly ModelInfo[]): CatalogueIssue[] {
  const check = (names: readonly string[], kind: ModelKind, path: readonly PropertyKey[]) =>
    names.flatMap((name, index) => {
      const info = findModel(knownModels, name);
      if (info === undefined)
        return [{ path: [...path, index], message: `${name} is not in the price book` }];
      if (info.kind !== kind) return [{ path: [...path, index], message: `${name} is not a ${kind} model` }];
      if (info.model === name) return [];
      return [{ path: [...path, index], message: `${name} is an alias; its key is ${info.model}` }];
    });
  const defaults = catalogue.plans.flatMap(({ caps }, index) => {
    const path = ['plans', index, 'caps'];
    const checkDefault = (cap: `default${'Text' | 'Image' | 'Embedding'}Model`, kind: ModelKind) =>
      check(caps[cap] === null ? [] : [caps[cap]], kind, [...path, cap]);
    return [
      ...checkDefault('defaultTextModel', 'text'),
      ...checkDefault('defaultImageModel', 'image'),
      ...checkDefault('defaultEmbeddingModel', 'embedding'),
    ];
  });
  return [
    ...check(catalogue.textModels, 'text', ['textModels']),
    ...MODEL_ROLES.flatMap((role) => check(catalogue.modelRoles[role], 'text', ['modelRoles', role])),
    ...check(catalogue.imageModels, 'image', ['imageModels']),
    ...check(catalogue.embeddingModels, 'embedding', ['embeddingModels']),
    ...defaults,
  ];
}

function missing(
  names: readonly string[],
  exists: (name: string) => boolean,
  path: readonly PropertyKey[],
  what: string,
): CatalogueIssue[] {
  return names
    .filter((name) => !exists(name))
    .map((name) => ({ path, message: `${name} is not a known ${what}` }));
}

function repeated(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}
