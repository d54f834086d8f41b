import type { FastifyInstance } from 'fastify';
import { actorOf } from '#libs/audit/request-actor.ts';
import { CatalogueError } from '#libs/catalogue/parse.ts';
import type { Actor } from '#libs/contracts/audit-entry.ts';
import {
  getCatalogue,
  getCatalogueMigration,
  importCatalogue,
  listCatalogues,
  type PublishPreview,
  previewPublication,
  publishCatalogue,
} from '#libs/contracts/catalogues.ts';
import { toPage } from '#libs/contracts/page.ts';
import { problem } from '#libs/problems/problems.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { CatalogueVersion } from '../subscriptions/domain/subscription.ts';
import { type Migration, presentMigration, type Rollout } from './domain/rollout.ts';
import { type CatalogueVersionSummary, changesOf, presentVersion } from './domain/version-view.ts';
import type { Publication } from './publish-catalogue.ts';

type Page = { limit: number; cursor: string | undefined };

export type CatalogueRouteOptions = {
  active: () => Promise<CatalogueVersion | undefined>;
  version: (id: string) => Promise<CatalogueVersion>;
  source: (id: string) => Promise<string | undefined>;
  list: (page: Page) => Promise<CatalogueVersionSummary[]>;
  summary: (id: string) => Promise<CatalogueVersionSummary | undefined>;
  /** @throws CatalogueError for an invalid file. */
  importFile: (source: string, by: Actor) => Promise<{ id: string; created: boolean }>;
  publish: (publication: Publication) => Promise<Rollout>;
  preview: (target: CatalogueVersion, migration: Migration, page: Page) => Promise<PublishPreview>;
  findRollout: (id: string) => Promise<Rollout | undefined>;
};

/** The most issues in one response. */
const MAX_ISSUES = 100;

export function catalogueRoutes(app: FastifyInstance, options: CatalogueRouteOptions): void {
  const { active, version, source, list, summary, importFile, publish, preview, findRollout } = options;

  async function known(id: string): Promise<CatalogueVersionSummary> {
    const found = await summary(id);
    if (found === undefined) throw problem('not_found');
    return found;
  }

  app.register(async (scope) => {
    scope.addContentTypeParser(
      [...importCatalogue.bodyTypes],
      { parseAs: 'string' },
      (_request, body, done) => {
        done(null, { source: body });
      },
    );
    serveOperation(scope, importCatalogue, async (request, reply) => {
      const { id, created } = await importFile(request.body.source, actorOf(request)).catch(refuseFile);
      reply.code(created ? 201 : 200);
      const changes = changesOf(await active(), await version(id));
      return { ...presentVersion(await known(id)), changes };
    });
  });

  serveOperation(app, listCatalogues, async (request) => {
    const { limit, cursor } = request.query;
    return toPage(await list({ limit: limit + 1, cursor }), limit, presentVersion);
  });

  serveOperation(app, getCatalogue, async (request) => {
    const id = request.params.version_id;
    const found = await known(id);
    const changes = changesOf(await active(), await version(id));
    return { ...presentVersion(found), changes, source: (await source(id)) ?? '' };
  });

  serveOperation(app, publishCatalogue, async (request, reply) => {
    const { id: versionId } = await known(request.params.version_id);
    const { migration, reason = null } = request.body;
    const rollout = await publish({ versionId, migration, by: actorOf(request), reason });
    request.log.warn(
      { version: versionId, migration, accounts: rollout.accountsTotal },
      'catalogue published',
    );
    reply.code(rollout.state === 'running' ? 202 : 200);
    return migrationOf(rollout);
  });

  serveOperation(app, previewPublication, async (request) => {
    const { id } = await known(request.params.version_id);
    const { limit, cursor } = request.query;
    return preview(await version(id), request.body.migration, { limit, cursor });
  });

  serveOperation(app, getCatalogueMigration, async (request) =>
    migrationOf(await findRollout(request.params.id)),
  );
}

function migrationOf(rollout: Rollout | undefined) {
  const migration = rollout && presentMigration(rollout);
  if (migration === undefined) throw problem('not_found');
  return migration;
}

/** @throws ProblemError `semantic_error` with every issue and its line. */
function refuseFile(error: unknown): never {
  if (!(error instanceof CatalogueError)) throw error;
  const { issues } = error;
  const [first] = issues;
  const detail = `The catalogue is invalid. Line ${first?.line}: ${first?.path} ${first?.message}`;
  throw problem('semantic_error', {
    detail,
    fields: {
      issues: issues.slice(0, MAX_ISSUES).map(({ line, path, message }) => ({ line, path, message })),
    },
  });
}
