/** Catalogue versions: importing, publishing, and moving the subscriptions that exist. */
import { z } from 'zod';
import { WINDOWS } from '#libs/catalogue/limit.ts';
import * as example from './catalogues-examples.ts';
import { count, envelope, instant } from './envelope.ts';
import { METER_UNITS } from './limits.ts';
import { defineOperation } from './operation.ts';
import { pageQuery } from './page.ts';
import { problemResponses, STAFF_PROBLEMS } from './problem-responses.ts';
import { rollout } from './rollouts.ts';
import { reason } from './staff-decision.ts';

const tags = ['Admin'];
const params = z.object({ version_id: z.uuid() });

/** Longer than any catalogue that people can read. */
const LONGEST_SOURCE = 500_000;

const versionShape = {
  version_id: z.uuid(),
  catalogue_id: z.string().describe('The `id` in the file.'),
  version: z.int().min(1).describe('Counts the versions of one catalogue.'),
  author: z.string(),
  created_at: instant,
  active: z.boolean().describe('On offer: new subscriptions are sold under it.'),
  subscriptions: count.describe('How many are pinned to it.'),
};

export const catalogueVersion = z.object(versionShape).meta({ id: 'CatalogueVersion' });
export type CatalogueVersionWire = z.output<typeof catalogueVersion>;

const changes = z
  .array(z.string())
  .describe('What it would change of the version on offer, one line each; empty where it is that one.');

export const describedCatalogueVersion = z
  .object({ ...versionShape, changes, source: z.string().describe('The file as it was imported.') })
  .meta({ id: 'DescribedCatalogueVersion' });

export const migration = z
  .enum(['now', 'period_end', 'grandfather'])
  .describe(
    'What becomes of subscriptions that exist: moved now, moved when their period ends, or left on the version they were sold under.',
  );

export const catalogueMigration = z
  .object({ ...rollout.shape, version_id: z.uuid(), migration })
  .meta({ id: 'CatalogueMigration' });
export type CatalogueMigrationWire = z.output<typeof catalogueMigration>;

const mappedBy = z
  .enum(['key', 'alias', 'rank', 'default'])
  .describe(
    'How the plan was found: by its key, by an alias of either, as the highest of no higher rank, or because nothing else was left.',
  );

const planMove = z.object({
  from: z.object({ catalogue_id: z.string(), version: z.int(), plan: z.string() }),
  to: z.object({ plan: z.string(), name: z.string() }),
  mapped_by: mappedBy,
  accounts: count,
  changes: z.array(z.string()).describe('What the plan changes, one line each.'),
});

const accountMove = z.object({
  account_id: z.uuid(),
  plan_before: z.string().describe('In force now, overrides included.'),
  plan_after: z.string(),
  mapped_by: mappedBy,
  gains: z.array(z.string()),
  losses: z.array(z.string()),
  over_limits: z
    .array(
      z.object({
        meter: z.string(),
        unit: z.enum(METER_UNITS),
        window: z.enum(WINDOWS),
        used: z.string(),
        limit: z.string().nullable().describe('Null: not part of the plan at all.'),
      }),
    )
    .describe('Nothing is lost of what was used; new work is refused until the window ends.'),
});
export type AccountMoveWire = z.output<typeof accountMove>;

const previewSummary = z
  .object({
    accounts: count.describe('Would move.'),
    unchanged: count,
    gaining: count,
    losing: count.describe('An account can gain one thing and lose another.'),
    over_limit: count,
    plans: z.array(planMove),
  })
  .describe('Over all accounts; only on the first page.');

export const publishPreview = z
  .object({
    version_id: z.uuid(),
    migration,
    summary: previewSummary.nullable(),
    accounts: z.array(accountMove).describe('Accounts that would notice anything.'),
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
    'As YAML (`text/yaml`), or as JSON with the file in `source`. The version never changes and is not on offer before it is published. A file that cannot be used is refused with every mistake and its line in `issues`.',
  tags,
  auth: 'staff',
  bodyTypes: ['text/yaml', 'application/yaml'],
  body: z.strictObject({ source: z.string().min(1).max(LONGEST_SOURCE) }).meta({ id: 'CatalogueFile' }),
  bodyExample: { source: 'id: default\nname: Inkmeter\n…' },
  responses: {
    200: {
      description: 'This very file had been imported before.',
      schema: envelope(z.object({ catalogue: catalogueVersion, changes })),
      example: { success: true, data: { catalogue: example.version, changes: [] } },
    },
    201: {
      description: 'Imported.',
      schema: envelope(z.object({ catalogue: catalogueVersion, changes })),
      example: { success: true, data: { catalogue: example.version, changes: example.changes } },
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
  summary: 'Catalogue versions',
  description: 'Newest first.',
  tags,
  auth: 'staff',
  querystring: pageQuery,
  responses: {
    200: {
      description: 'One page.',
      schema: envelope(z.object({ catalogues: z.array(catalogueVersion), next_cursor: z.uuid().nullable() })),
      example: { success: true, data: { catalogues: [example.version], next_cursor: null } },
    },
    ...problemResponses(...STAFF_PROBLEMS),
  },
});

export const getCatalogue = defineOperation({
  operationId: 'getCatalogue',
  method: 'GET',
  path: '/api/admin/catalogues/{version_id}',
  summary: 'Look at a catalogue version',
  tags,
  auth: 'staff',
  params,
  responses: {
    200: {
      description: 'The version, its file, and what it would change.',
      schema: envelope(z.object({ catalogue: describedCatalogueVersion })),
      example: {
        success: true,
        data: {
          catalogue: {
            ...example.version,
            changes: example.changes,
            source: 'id: default\nname: Inkmeter\n…',
          },
        },
      },
    },
    ...problemResponses(...STAFF_PROBLEMS, 'not_found'),
  },
});

export const publishCatalogue = defineOperation({
  operationId: 'publishCatalogue',
  method: 'POST',
  path: '/api/admin/catalogues/{version_id}/publish',
  summary: 'Put a catalogue version on offer',
  description:
    'New subscriptions are sold under it once this answers. Subscriptions that exist are moved in the background, each with its limits in one step: no request ever sees half of two versions. Publishing again takes over from a migration under way.',
  tags,
  auth: 'staff',
  params,
  body: z.strictObject({ migration, reason: reason.optional() }).meta({ id: 'Publication' }),
  bodyExample: { migration: 'period_end', reason: 'Prices of 2027.' },
  responses: {
    200: {
      description: 'On offer, and nothing to move.',
      schema: envelope(z.object({ migration: catalogueMigration })),
      example: {
        success: true,
        data: { migration: { ...example.migration, migration: 'grandfather', state: 'done' } },
      },
    },
    202: {
      description: 'On offer, and subscriptions are being moved.',
      schema: envelope(z.object({ migration: catalogueMigration })),
      example: { success: true, data: { migration: example.migration } },
    },
    ...problemResponses(...STAFF_PROBLEMS, 'not_found'),
  },
});

export const previewPublication = defineOperation({
  operationId: 'previewPublication',
  method: 'POST',
  path: '/api/admin/catalogues/{version_id}/publish/preview',
  summary: 'See what publishing would do',
  description:
    'Who would gain, who would lose, and who would be over a new limit, by what the books say is used. Nothing is changed.',
  tags,
  auth: 'staff',
  params,
  querystring: pageQuery,
  body: z.strictObject({ migration }).meta({ id: 'PublicationPreview' }),
  bodyExample: { migration: 'now' },
  responses: {
    200: {
      description: 'The counts, and one page of accounts.',
      schema: envelope(publishPreview),
      example: { success: true, data: example.preview },
    },
    ...problemResponses(...STAFF_PROBLEMS, 'not_found'),
  },
});

export const getCatalogueMigration = defineOperation({
  operationId: 'getCatalogueMigration',
  method: 'GET',
  path: '/api/admin/catalogue-migrations/{id}',
  summary: 'How far a migration has got',
  tags,
  auth: 'staff',
  params: z.object({ id: z.uuid() }),
  responses: {
    200: {
      description: 'The migration.',
      schema: envelope(z.object({ migration: catalogueMigration })),
      example: { success: true, data: { migration: example.migration } },
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
