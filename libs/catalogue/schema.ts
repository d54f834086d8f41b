import { z } from 'zod';
import { shareOf } from '#libs/money/money.ts';
import { decimalSchema } from '#libs/pricing/decimal-schema.ts';
import { pricedModelSchema } from '#libs/pricing/price-book-schema.ts';
import { ANALYTICS_DEPTHS } from './analytics.ts';
import { limitSchema, usdSchema } from './limit-schema.ts';

/** The catalogue file. `checks.ts` checks what zod cannot express, such as references between parts of the file. */
const key = z.string().regex(/^[a-z][a-z0-9_-]*$/, 'must be lower case letters, digits, - and _');
const feature = z.string().regex(/^[a-z][a-z0-9_]*$/, 'must be lower case letters, digits and _');
const name = z.string().min(1).max(200);
const minor = z.int().min(0).meta({ description: 'In minor units (cents)' });
const everythingOr = <Item extends z.ZodType>(item: Item) =>
  z.union([z.literal('*'), z.array(item)], { error: "must be a list, or '*' for all" });

/** A threshold as a share of the limit: 0.95 is 95 %. */
const share = decimalSchema(4, 'a share between 0 and 1, such as 0.95').transform((bps, context) => {
  if (bps > 0n && bps <= 10_000n) return Number(bps);
  context.addIssue('must be a share above 0 and not above 1');
  return z.NEVER;
});

const thresholdShares = z.strictObject({ warn: share, notice: share, block: share, hard: share });

const thresholdsSchema = thresholdShares.transform(({ warn, notice, block, hard }) => ({
  warnBps: warn,
  noticeBps: notice,
  blockBps: block,
  hardBps: hard,
}));

/** Only the thresholds that differ from the catalogue's. */
export const thresholdChanges = thresholdShares.partial().transform(({ warn, notice, block, hard }) => ({
  ...(warn === undefined ? {} : { warnBps: warn }),
  ...(notice === undefined ? {} : { noticeBps: notice }),
  ...(block === undefined ? {} : { blockBps: block }),
  ...(hard === undefined ? {} : { hardBps: hard }),
}));

const MONTHS_PER_YEAR = 12n;
/** One period must end before the next payment is requested, and the shortest month has 28 days. */
const MAX_GRACE_DAYS = 27;

const priceSchema = z
  .strictObject({
    monthlyMinor: minor.nullable().meta({ description: 'Per month in minor units; null: contact sales' }),
    yearlyMinor: minor
      .nullable()
      .optional()
      .meta({ description: 'Per year; by default twelve months less the annual discount' }),
    annualDiscountBps: z.int().min(0).max(10_000).default(0),
  })
  .transform(({ monthlyMinor, yearlyMinor, annualDiscountBps }) => {
    if (yearlyMinor !== undefined || monthlyMinor === null) {
      return { monthlyMinor, yearlyMinor: yearlyMinor ?? null, annualDiscountBps };
    }
    const year = BigInt(monthlyMinor) * MONTHS_PER_YEAR;
    const discounted = year - shareOf(year, annualDiscountBps, 'half_up');
    return { monthlyMinor, yearlyMinor: Number(discounted), annualDiscountBps };
  });

const capsSchema = z.strictObject({
  textModels: everythingOr(name).default('*'),
  defaultTextModel: name.nullable().default(null),
  imageModels: everythingOr(name).default('*'),
  defaultImageModel: name.nullable().default(null),
  embeddingModels: everythingOr(name).default('*'),
  defaultEmbeddingModel: name.nullable().default(null),
  maxQuality: name.nullable().default(null).meta({ description: 'Highest of qualities; null: no ladder' }),
  platforms: everythingOr(name).default('*'),
  outputTokensCap: z.int().min(1).nullable().default(null).meta({
    description: 'Output cap in tokens for calls without one; null: the cap of the model',
  }),
  maxParallel: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .meta({ description: 'Requests of an account that may run at the same time; null for any number' }),
  priority: z.int().min(0).default(0).meta({ description: 'Higher runs first' }),
  requestsPerMinute: z.int().min(1).nullable().default(null),
  generationsPerMinute: z.int().min(1).nullable().default(null),
  streamsPerUser: z.int().min(1).nullable().default(null),
  analyticsDepth: z.enum(ANALYTICS_DEPTHS).nullable().default(null).meta({
    description: 'How far back and how finely usage is shown; null: without bounds',
  }),
  horizonDays: z.int().min(1).nullable().default(null),
  retentionDays: z.int().min(1).nullable().default(null).meta({
    description: 'Days that documents are kept after their last change; null: until they are deleted',
  }),
  support: key.nullable().default(null),
  slaPct: decimalSchema(3, 'a percentage such as 99.9')
    .transform((thousandths) => Number(thousandths) / 1000)
    .nullable()
    .default(null),
});

const planSchema = z.strictObject({
  key,
  name,
  description: z.string().default(''),
  rank: z.int().min(0),
  aliases: z.array(key).default([]),
  popular: z.boolean().default(false),
  listed: z.boolean().default(true).meta({ description: 'Listed among the plans on offer' }),
  price: priceSchema,
  stripe: z
    .strictObject({
      productId: z.string().nullable().default(null),
      monthlyPriceId: z.string().nullable().default(null),
      yearlyPriceId: z.string().nullable().default(null),
    })
    .prefault({}),
  trialDays: z.int().min(0).max(365).default(0),
  features: z.array(feature).default([]),
  thresholds: thresholdChanges.prefault({}),
  caps: capsSchema.prefault({}),
  limits: z.array(limitSchema(thresholdChanges)).default([]),
});

const guardRailSchema = z
  .strictObject({
    tokensPerDay: z.int().min(1).nullable().default(null),
    costPerDay: usdSchema.nullable().default(null),
    thresholds: thresholdChanges.prefault({}),
    plans: z
      .array(key)
      .default([])
      .meta({ description: 'Plans that it applies to unless staff set otherwise' }),
    segments: z
      .array(key)
      .default([])
      .meta({ description: 'Account segments that it applies to unless staff set otherwise' }),
  })
  .transform(({ tokensPerDay, costPerDay, ...rest }) => ({
    ...rest,
    tokensPerDay: tokensPerDay === null ? null : BigInt(tokensPerDay),
    costPerDayNanoUsd: costPerDay,
  }));

export const CACHE_SCOPES = ['account', 'plan', 'off'] as const;

const contentCacheSchema = z
  .strictObject({
    scope: z.enum(CACHE_SCOPES).default('account').meta({
      description:
        'Who shares results: the workspace of an account, all accounts of a plan, or no one (`off`)',
    }),
    ttlSeconds: z.int().min(1).max(86_400).default(3_600),
    hitCost: usdSchema.default(0n).meta({ description: 'What a result from the cache costs, in USD' }),
    countHits: z
      .boolean()
      .default(false)
      .meta({ description: 'Whether a result from the cache counts on meters such as gen.blog' }),
  })
  .transform(({ hitCost, ...rest }) => ({ ...rest, hitCostNanoUsd: hitCost }));

/** What requests may be moderated before anything is written for them. */
export const MODERATED = ['content', 'chat'] as const;

const rolesSchema = z.strictObject({
  writer: z.array(name).default([]),
  fast: z.array(name).default([]),
  vision: z.array(name).default([]),
});

const estimateSchema = z
  .strictObject({ key, tokensPerDay: z.int().min(0), imagesPerDay: z.int().min(0), costPerMonth: usdSchema })
  .transform(({ costPerMonth, ...rest }) => ({ ...rest, costPerMonthNanoUsd: costPerMonth }));

export const catalogueSchema = z.strictObject({
  $schema: z.string().optional().meta({ description: 'The path of the JSON Schema, for editors only' }),
  id: key,
  name,
  version: z.string().min(1),
  currency: z.literal('USD'),
  defaultPlan: key,
  paymentGraceDays: z.int().min(1).max(MAX_GRACE_DAYS).default(3).meta({
    description: 'Days for which a plan stays active after its renewal was due and is not paid; then it ends',
  }),
  thresholds: thresholdsSchema.prefault({ warn: '0.80', notice: '0.90', block: '0.95', hard: '1.00' }),
  textModels: z.array(name).default([]).meta({ description: 'Text models from the lowest to the best' }),
  imageModels: z.array(name).default([]).meta({ description: 'Image models from the lowest to the best' }),
  embeddingModels: z
    .array(name)
    .default([])
    .meta({ description: 'Embedding models from the lowest to the best' }),
  qualities: z.array(key).default([]).meta({ description: 'Qualities from the lowest to the highest' }),
  qualityPresets: z
    .record(key, z.strictObject({ quality: key, width: z.int().min(1), height: z.int().min(1) }))
    .default({}),
  platforms: z.array(key).default([]),
  features: z
    .record(feature, z.string().min(1))
    .default({})
    .meta({ description: 'Every feature and its description' }),
  featureBundles: z
    .record(feature, everythingOr(feature))
    .default({})
    .meta({ description: 'Features that include others' }),
  capabilities: z
    .record(feature, feature)
    .default({})
    .meta({ description: 'Capability names that clients can query, and the feature of each' }),
  contentTypes: z
    .record(feature, z.array(feature).min(1))
    .default({})
    .meta({ description: 'Content types that require one of these features; other types require none' }),
  modelRoles: rolesSchema.prefault({}).meta({
    description:
      'Models for `auto` by role, the best first. A plan uses those that it allows; the next ones are fallbacks',
  }),
  contentCache: contentCacheSchema.prefault({}),
  moderation: z
    .array(z.enum(MODERATED))
    .default([])
    .meta({ description: 'Requests whose texts are moderated before anything is written' }),
  notYetAvailable: z.array(name).default([]).meta({
    description: 'Features, content types and meters that the plans name and the product does not have yet',
  }),
  guardRail: guardRailSchema.nullable().default(null),
  usageEstimates: z.array(estimateSchema).default([]),
  upgrades: z.record(key, z.array(key)).default({}).meta({ description: 'Plans offered to each plan' }),
  prices: z
    .array(pricedModelSchema)
    .default([])
    .meta({ description: 'Prices that differ from the price book; an import adds them to it' }),
  plans: z.array(planSchema).min(1),
});

/** A catalogue file as written. */
export type CatalogueFile = z.input<typeof catalogueSchema>;
/** A parsed catalogue: amounts exact, defaults filled in. */
export type Catalogue = z.output<typeof catalogueSchema>;
export type Plan = Catalogue['plans'][number];
export type PlanCaps = Plan['caps'];
export type PlanLimit = Plan['limits'][number];
export type ContentCache = Catalogue['contentCache'];
export type GuardRail = NonNullable<Catalogue['guardRail']>;
