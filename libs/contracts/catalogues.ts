/** Catalogue versions: importing, publishing, and moving existing subscriptions. */
import { z } from 'zod';
import * as example from './catalogues-examples.ts';
import { count, instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { limitAmountWire, limitWire } from './limits.ts';
import { defineOperation } from './operation.ts';
import { page, pageQuery } from './page.ts';
import { problemResponses, STAFF_PROBLEMS } from './problem-responses.ts';
import { rollout } from './rollouts.ts';
import { reason } from './staff-decision.ts';

const tags = ['Admin'];
const params = z.object({ version_id: z.uuid() });

/** Characters; far above any real catalogue. */
const MAX_SOURCE_LENGTH = 500_000;

const versionShape = {
  version_id: z.uuid(),
  catalogue_id: z.string().describe('The `id` in the file.'),
  version: z.int().min(1).describe('Numbered from 1 within a catalogue.'),
  author: z.string(),
  created_at: instant,
  updated_at: instant.describe('When it was imported, became the active version, or was replaced as such.'),
  active: z.boolean().describe('New subscriptions are sold under the active version.'),
  subscriptions: count.describe('How many subscriptions are pinned to it.'),
};

export const catalogueVersion = z.object(versionShape).meta({ id: 'CatalogueVersion' });
export type CatalogueVersionWire = z.output<typeof catalogueVersion>;

const changes = z
  .array(z.string())
  .describe('What publishing it would change in the active version, one line each.');

export const importedCatalogue = z.object({ ...versionShape, changes }).meta({ id: 'ImportedCatalogue' });

export const describedCatalogueVersion = z
  .object({ ...versionShape, changes, source: z.string().describe('The file as it was imported.') })
  .meta({ id: 'DescribedCatalogueVersion' });

export const MIGRATIONS = ['now', 'period_end', 'grandfather'] as const;

export const migration = z
  .enum(MIGRATIONS)
  .describe(
    'What happens to existing subscriptions: `now` moves them at once, `period_end` when their period ends, and `grandfather` keeps them on their version.',
  );

export const catalogueMigration = z
  .object({ ...rollout.shape, version_id: z.uuid(), migration })
  .meta({ id: 'CatalogueMigration' });
export type CatalogueMigrationWire = z.output<typeof catalogueMigration>;

const mappedBy = z
  .enum(['key', 'alias', 'rank', 'default'])
  .describe(
    'How the new plan was chosen: the same key, a shared alias, the highest plan of the same rank or below, or the default plan.',
  );

const planMove = z.object({
  from: z.object({ catalogue_id: z.string(), version: z.int(), plan: z.string() }),
  to: z.object({ plan: z.string(), name: z.string() }),
  mapped_by: mappedBy,
  accounts: count,
  changes: z.array(z.string()).describe('The differences between the two plans, one line each.'),
});

const accountMove = z.object({
  account_id: z.uuid(),
  plan_before: z.string().describe('The plan in force now, overrides included.'),
  plan_after: z.string(),
  mapped_by: mappedBy,
  gains: z.array(z.string()),
  losses: z.array(z.string()),
  over_limits: z
    .array(
      z.object({
        ...limitWire.pick({ meter: true, label: true, unit: true, window: true }).shape,
        used: z.string(),
        amount: limitAmountWire.describe('What the new plan allows.'),
      }),
    )
    .describe('Used quota stays used. New work is refused until the window ends.'),
});
export type AccountMoveWire = z.output<typeof accountMove>;

const previewSummary = z
  .object({
    accounts: count.describe('Accounts that would move.'),
    unchanged: count,
    gaining: count,
    losing: count.describe('An account can both gain and lose.'),
    over_limit: count,
    plans: z.array(planMove),
  })
  .describe('Totals over all accounts; only on the first page.');

export const publishPreview = z
  .object({
    version_id: z.uuid(),
    migration,
    summary: previewSummary.nullable(),
    data: z.array(accountMove).describe('Accounts that would gain, lose or exceed a limit.'),
    next_cursor: z.uuid().nullable(),
  })
  .meta({ id: 'PublishPreview' });
export type PublishPreview = z.output<typeof publishPreview>;

export const importCatalogue = defineOperation({
  operationId: 'importCatalogue',
  method: 'POST',
  path: '/api/admin/catalogues',
  summary: 'Import a catalogue version',
  description:
    'Send YAML (`text/yaml`), or JSON with the file in `source`. A version never changes and stays inactive until it is published. An invalid file is refused with every issue and its line in `issues`.',
  tags,
  headers: idempotencyHeaders,
  auth: 'staff',
  bodyTypes: ['text/yaml', 'application/yaml'],
  textExample: 'id: default\nname: Inkmeter\n…',
  body: z.strictObject({ source: z.string().min(1).max(MAX_SOURCE_LENGTH) }).meta({ id: 'CatalogueFile' }),
  bodyExample: { source: 'id: default\nname: Inkmeter\n…' },
  responses: {
    200: {
      description: 'A version with this content exists already.',
      schema: importedCatalogue,
      example: { ...example.version, changes: [] },
    },
    201: {
      description: 'Imported.',
      schema: importedCatalogue,
      example: { ...example.version, changes: example.changes },
    },
    ...problemResponses(
      ...STAFF_PROBLEMS,
      'malformed_json',
      'body_too_large',
      'unsupported_media_type',
      'semantic_error',
    ),
  },
});

export const listCatalogues = defineOperation({
  operationId: 'listCatalogues',
  method: 'GET',
  path: '/api/admin/catalogues',
  summary: 'List catalogue versions',
  description: 'Newest first.',
  tags,
  auth: 'staff',
  querystring: pageQuery,
  responses: {
    200: {
      description: 'One page.',
      schema: page(catalogueVersion).meta({ id: 'CatalogueVersionPage' }),
      example: { data: [example.version], next_cursor: null },
    },
    ...problemResponses(...STAFF_PROBLEMS),
  },
});

export const getCatalogue = defineOperation({
  operationId: 'getCatalogue',
  method: 'GET',
  path: '/api/admin/catalogues/{version_id}',
  summary: 'Get a catalogue version',
  tags,
  auth: 'staff',
  params,
  responses: {
    200: {
      description: 'The version, its file, and its changes to the active version.',
      schema: describedCatalogueVersion,
      example: {
        ...example.version,
        changes: example.changes,
        source: 'id: default\nname: Inkmeter\n…',
      },
    },
    ...problemResponses(...STAFF_PROBLEMS, 'not_found'),
  },
});

export const publishCatalogue = defineOperation({
  operationId: 'publishCatalogue',
  method: 'POST',
  path: '/api/admin/catalogues/{version_id}/publish',
  summary: 'Publish a catalogue version',
  description:
    'Makes the version active: new subscriptions are sold under it from this response on. Existing subscriptions move in the background, each together with its limits in one transaction. Publishing again supersedes a running migration.',
  tags,
  headers: idempotencyHeaders,
  auth: 'staff',
  params,
  body: z.strictObject({ migration, reason: reason.optional() }).meta({ id: 'Publication' }),
  bodyExample: { migration: 'period_end', reason: 'Prices of 2027.' },
  responses: {
    200: {
      description: 'Published; no subscription has to move.',
      schema: catalogueMigration,
      example: { ...example.migration, migration: 'grandfather', state: 'done' },
    },
    202: {
      description: 'Published; existing subscriptions are being moved.',
      schema: catalogueMigration,
      example: example.migration,
    },
    ...problemResponses(...STAFF_PROBLEMS, 'not_found'),
  },
});

export const previewPublication = defineOperation({
  operationId: 'previewPublication',
  method: 'POST',
  path: '/api/admin/catalogues/{version_id}/publish/preview',
  summary: 'Preview a publication',
  description:
    'Accounts that would gain, lose, or exceed a new limit with what they have used. Changes nothing.',
  tags,
  auth: 'staff',
  params,
  querystring: pageQuery,
  body: z.strictObject({ migration }).meta({ id: 'PublicationPreview' }),
  bodyExample: { migration: 'now' },
  responses: {
    200: {
      description: 'Totals and one page of accounts.',
      schema: publishPreview,
      example: example.preview,
    },
    ...problemResponses(...STAFF_PROBLEMS, 'not_found'),
  },
});

export const getCatalogueMigration = defineOperation({
  operationId: 'getCatalogueMigration',
  method: 'GET',
  path: '/api/admin/catalogue-migrations/{id}',
  summary: 'Get the progress of a migration',
  tags,
  auth: 'staff',
  params: z.object({ id: z.uuid() }),
  responses: {
    200: {
      description: 'The migration.',
      schema: catalogueMigration,
      example: example.migration,
    },
    ...problemResponses(...STAFF_PROBLEMS, 'not_found'),
  },
});

export const catalogueOperations = [
  importCatalogue,
  listCatalogues,
  getCatalogue,
  publishCatalogue,
  previewPublication,
  getCatalogueMigration,
] as const;
