/**
 * An account's entitlements, from billing to the other services. Internal, so the names are those of `libs/catalogue`;
 * only amounts and instants are encoded for JSON.
 */
import { z } from 'zod';
import { ANALYTICS_DEPTHS } from '#libs/catalogue/analytics.ts';
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import { ON_LIMIT, SCOPES, WINDOWS } from '#libs/catalogue/limit.ts';
import { NO_MODEL_ROLES } from '#libs/catalogue/model-roles.ts';
import { CACHE_SCOPES } from '#libs/catalogue/schema.ts';
import { SUBSCRIPTION_STATUSES } from '#libs/catalogue/subscription.ts';

/** The first request for an account also opens its subscription and its balances. */
export function entitlementsPath(accountId: string): string {
  return `/internal/accounts/${accountId}/entitlements`;
}

const integer = z.codec(z.string().regex(/^-?\d+$/), z.bigint(), {
  decode: (text) => BigInt(text),
  encode: (value) => value.toString(),
});

const instant = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});

const grant = z.object({ granted: z.boolean(), source: z.string() });
const names = z.array(z.string());
const models = z.object({
  all: z.boolean(),
  allowed: names,
  default: z.string().nullable(),
  ladder: names,
  source: z.string(),
});
const NO_MODELS = { all: false, allowed: [], default: null, ladder: [], source: 'none' };
const ladder = z.object({ allowed: names, ladder: names, source: z.string() });
const sourced = <Value extends z.ZodType>(value: Value) => z.object({ value, source: z.string() });
const sourcedNumber = sourced(z.number().nullable());
const sourcedText = sourced(z.string().nullable());

const limit = z.object({
  meter: z.string(),
  window: z.enum(WINDOWS),
  scope: z.enum(SCOPES),
  amount: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('n'), n: integer }),
    z.object({ kind: z.literal('unlimited') }),
    z.object({ kind: z.literal('disabled') }),
  ]),
  thresholds: z.object({
    warnBps: z.int(),
    noticeBps: z.int(),
    blockBps: z.int(),
    hardBps: z.int(),
  }),
  blocks: z.boolean(),
  onLimit: z.enum(ON_LIMIT),
  overagePriceNanoUsd: integer.nullable(),
  source: z.string(),
});

const roles = z.object({ writer: names, fast: names, vision: names });
const contentCache = z.object({
  scope: z.enum(CACHE_SCOPES),
  ttlSeconds: z.int(),
  hitCostNanoUsd: integer,
  countHits: z.boolean(),
});
const NO_CACHE = { scope: 'off' as const, ttlSeconds: 1, hitCostNanoUsd: '0', countHits: false };

const entitlements = z.object({
  catalogue: z.object({ id: z.string(), version: z.string() }),
  plan: z.object({ key: z.string(), name: z.string(), rank: z.int(), source: z.string() }),
  status: z.enum(SUBSCRIPTION_STATUSES),
  features: z.record(z.string(), grant),
  flags: z.record(z.string(), z.boolean()),
  contentTypes: z.record(z.string(), grant),
  textModels: models,
  imageModels: models,
  // Absent in a response of the previous version.
  embeddingModels: models.default(NO_MODELS),
  qualities: ladder,
  platforms: ladder,
  outputTokensCap: sourcedNumber,
  maxParallel: sourcedNumber,
  priority: sourced(z.number()),
  requestsPerMinute: sourcedNumber,
  generationsPerMinute: sourcedNumber,
  streamsPerUser: sourcedNumber,
  analyticsDepth: sourced(z.enum(ANALYTICS_DEPTHS).nullable()),
  horizonDays: sourcedNumber,
  support: sourcedText,
  slaPct: sourcedNumber,
  // Absent in a response of the previous version.
  retentionDays: sourcedNumber.default({ value: null, source: 'none' }),
  modelRoles: roles.default({ ...NO_MODEL_ROLES } as z.output<typeof roles>),
  contentCache: contentCache.prefault(NO_CACHE),
  moderation: names.default([]),
  limits: z.array(limit),
  validUntil: instant.nullable(),
});

export type EntitlementsWire = z.input<typeof entitlements>;

export function entitlementsToWire(value: Entitlements): EntitlementsWire {
  // The codec copies what it encodes, so that the readonly value is safe with it.
  return z.encode(entitlements, value as z.output<typeof entitlements>);
}

/** The inverse of {@link entitlementsToWire}. @throws ZodError when the value is something else. */
export function entitlementsFromWire(value: unknown): Entitlements {
  return entitlements.parse(value);
}
