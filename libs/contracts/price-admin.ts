/** How staff maintain prices: imports with a diff, previews, cancelled changes, aliases, and models without a price. */
import { z } from 'zod';
import { modelKey, providerKey } from '#libs/pricing/price-book-schema.ts';
import { UNIT_CLASSES } from '#libs/pricing/units.ts';
import { count, instant, nanoUsd, usd } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { defineOperation } from './operation.ts';
import { keyPage, keyPageQuery } from './page.ts';
import { addPricesBody } from './prices.ts';
import { problemResponses, STAFF_PROBLEMS } from './problem-responses.ts';

const tags = ['Admin'];
const validFrom = z.iso
  .datetime({ offset: true })
  .optional()
  .describe('When the prices take effect; now by default, never in the past.');
const name = { provider: z.string(), model: z.string() };

const priceChange = z.object({
  ...name,
  class: z.enum(UNIT_CLASSES),
  from_input_tokens: count,
  before: z.string().nullable().describe('Null for a class without a price.'),
  after: z.string(),
});
export type PriceChange = z.infer<typeof priceChange>;

const priceImport = z
  .object({
    applied: z.boolean().describe('False for a dry run.'),
    valid_from: instant,
    changes: z.array(priceChange).describe('What differs from the prices in force at that time.'),
    unchanged: count.describe('Prices that stay.'),
    unknown_models: z
      .array(z.object({ provider: z.string(), name: z.string() }))
      .describe('Models of configured providers that the price book does not have, so they are not sold.'),
    skipped: z.array(z.object({ name: z.string(), reason: z.string() })),
  })
  .meta({ id: 'PriceImport' });
export type PriceImportResult = z.infer<typeof priceImport>;

export const importPriceList = defineOperation({
  operationId: 'importPriceList',
  method: 'POST',
  path: '/api/admin/prices/import',
  summary: 'Import a price list',
  description:
    'Compares a file in the format of LiteLLM (`model_prices_and_context_window.json`) with the prices in force, and adds those that differ. Only models of the price book are imported, because their bounds must be known; images are left out.',
  tags,
  auth: 'staff',
  takesMedia: true,
  headers: idempotencyHeaders,
  body: z.strictObject({
    format: z.literal('litellm'),
    source: z.record(z.string(), z.unknown()).describe('The file.'),
    provider: providerKey.optional().describe('Imports the models of this provider only.'),
    valid_from: validFrom,
    dry_run: z.boolean().default(true).describe('Only shows what would change.'),
  }),
  bodyExample: {
    format: 'litellm',
    source: {
      'gpt-4o-mini': {
        litellm_provider: 'openai',
        mode: 'chat',
        input_cost_per_token: 1.2e-7,
        output_cost_per_token: 6e-7,
      },
    },
    dry_run: true,
  },
  responses: {
    200: {
      description: 'The differences.',
      schema: priceImport,
      example: {
        applied: false,
        valid_from: '2026-11-20T12:00:00.000Z',
        changes: [
          {
            provider: 'openai',
            model: 'gpt-4o-mini',
            class: 'input',
            from_input_tokens: 0,
            before: '$0.15 per 1M tokens',
            after: '$0.12 per 1M tokens',
          },
        ],
        unchanged: 4,
        unknown_models: [],
        skipped: [],
      },
    },
    ...problemResponses(
      ...STAFF_PROBLEMS,
      'semantic_error',
      'conflict',
      'body_too_large',
      'idempotency_in_progress',
      'idempotency_key_reused',
    ),
  },
});

const repriced = z.object({
  ...name,
  calls: count,
  cost_usd: usd.describe('What the calls cost.'),
  cost_nano_usd: nanoUsd,
  repriced_usd: usd.describe('What they would have cost. Rounded up once for the model, not for each call.'),
  repriced_nano_usd: nanoUsd,
  change_usd: usd,
  change_nano_usd: nanoUsd,
});

export const previewPrices = defineOperation({
  operationId: 'previewPrices',
  method: 'POST',
  path: '/api/admin/prices/preview',
  summary: 'Preview what prices would have cost',
  description:
    'Prices the calls of the last days, of all accounts, with the given changes. Nothing is stored. Calls of unknown outcome are included at their bounds.',
  tags,
  auth: 'staff',
  body: z.strictObject({
    days: z.int().min(1).max(31).default(7),
    prices: z
      .array(addPricesBody)
      .min(1)
      .max(50)
      .describe('Changes as for `POST /api/admin/prices`; `valid_from` does not matter.'),
  }),
  bodyExample: {
    days: 7,
    prices: [{ provider: 'openai', model: 'gpt-4o-mini', per_million_tokens: { input: '0.12' } }],
  },
  responses: {
    200: {
      description: 'One entry for each model.',
      schema: z.object({ from: instant, to: instant, models: z.array(repriced) }),
      example: {
        from: '2026-11-13T12:00:00.000Z',
        to: '2026-11-20T12:00:00.000Z',
        models: [
          {
            provider: 'openai',
            model: 'gpt-4o-mini',
            calls: 1,
            cost_usd: '0.000500400',
            cost_nano_usd: '500400',
            repriced_usd: '0.000488040',
            repriced_nano_usd: '488040',
            change_usd: '-0.000012360',
            change_nano_usd: '-12360',
          },
        ],
      },
    },
    ...problemResponses(...STAFF_PROBLEMS, 'unknown_model', 'semantic_error'),
  },
});

export const cancelPrices = defineOperation({
  operationId: 'cancelPrices',
  method: 'POST',
  path: '/api/admin/prices/cancel',
  summary: 'Cancel scheduled prices',
  description: 'Removes prices that have not taken effect. Prices that have been in force stay.',
  tags,
  auth: 'staff',
  headers: idempotencyHeaders,
  body: z.strictObject({
    provider: providerKey,
    model: modelKey,
    valid_from: z.iso.datetime({ offset: true }).describe('When the prices would have taken effect.'),
  }),
  bodyExample: { provider: 'openai', model: 'gpt-4o-mini', valid_from: '2026-12-01T00:00:00Z' },
  responses: {
    200: {
      description: 'The prices are cancelled.',
      schema: z.object({ cancelled: count }),
      example: { cancelled: 2 },
    },
    ...problemResponses(
      ...STAFF_PROBLEMS,
      'not_found',
      'semantic_error',
      'idempotency_in_progress',
      'idempotency_key_reused',
    ),
  },
});

/** Dated names, and names with the prefix of another gateway. */
const aliasName = z
  .string()
  .regex(/^[A-Za-z0-9][\w.:/-]{0,199}$/, 'must be letters, digits, and any of _ . : / - after the first');

export const modelAlias = z
  .object({ alias: z.string(), ...name, author: z.string(), created_at: instant })
  .meta({ id: 'ModelAlias' });
export type ModelAlias = z.infer<typeof modelAlias>;
const exampleAlias = {
  alias: 'openrouter/openai/gpt-4o-mini',
  provider: 'openai',
  model: 'gpt-4o-mini',
  author: '019e3f5e-0000-7a10-8c01-5d2f7b9a4e11',
  created_at: '2026-11-20T12:00:00.000Z',
};

export const listModelAliases = defineOperation({
  operationId: 'listModelAliases',
  method: 'GET',
  path: '/api/admin/model-aliases',
  summary: 'List the aliases that staff added',
  description:
    'In addition to the aliases of the price book, and to the prefixes that are always understood.',
  tags,
  auth: 'staff',
  querystring: keyPageQuery,
  responses: {
    200: {
      description: 'One page of aliases, by name.',
      schema: keyPage(modelAlias),
      example: { data: [exampleAlias], next_cursor: null },
    },
    ...problemResponses(...STAFF_PROBLEMS),
  },
});

export const addModelAlias = defineOperation({
  operationId: 'addModelAlias',
  method: 'POST',
  path: '/api/admin/model-aliases',
  summary: 'Add an alias of a model',
  tags,
  auth: 'staff',
  headers: idempotencyHeaders,
  body: z.strictObject({ alias: aliasName, provider: providerKey, model: modelKey }),
  bodyExample: { alias: exampleAlias.alias, provider: 'openai', model: 'gpt-4o-mini' },
  responses: {
    201: { description: 'The alias.', schema: modelAlias, example: exampleAlias },
    ...problemResponses(
      ...STAFF_PROBLEMS,
      'unknown_model',
      'conflict',
      'idempotency_in_progress',
      'idempotency_key_reused',
    ),
  },
});

export const removeModelAlias = defineOperation({
  operationId: 'removeModelAlias',
  method: 'DELETE',
  path: '/api/admin/model-aliases/{alias}',
  summary: 'Remove an alias',
  description: 'Requests with this name are refused from then on. A slash in the alias is sent as `%2F`.',
  tags,
  auth: 'staff',
  params: z.object({ alias: aliasName }),
  responses: {
    204: { description: 'The alias is removed.' },
    ...problemResponses(...STAFF_PROBLEMS, 'not_found'),
  },
});

export const listUnpricedModels = defineOperation({
  operationId: 'listUnpricedModels',
  method: 'GET',
  path: '/api/admin/prices/unpriced',
  summary: 'List models of providers without a price',
  description:
    'Models that the configured providers list, and that the price book does not have. They are read daily; requests for them are refused.',
  tags,
  auth: 'staff',
  querystring: keyPageQuery,
  responses: {
    200: {
      description: 'One page of models, the newest first.',
      schema: keyPage(z.object({ ...name, first_seen_at: instant })),
      example: {
        data: [{ provider: 'openai', model: 'gpt-6', first_seen_at: '2026-11-20T04:00:00.000Z' }],
        next_cursor: null,
      },
    },
    ...problemResponses(...STAFF_PROBLEMS),
  },
});

export const priceAdminOperations = [
  importPriceList,
  previewPrices,
  cancelPrices,
  listUnpricedModels,
  listModelAliases,
  addModelAlias,
  removeModelAlias,
] as const;
