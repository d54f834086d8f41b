import type { FastifyInstance, FastifyRequest } from 'fastify';
import { actorOf } from '#libs/audit/request-actor.ts';
import { toKeyPage } from '#libs/contracts/page.ts';
import * as contract from '#libs/contracts/price-admin.ts';
import { problem } from '#libs/problems/problems.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { listAliases, listUnpriced } from './admin-store.ts';
import { addAlias, cancelScheduled, removeAlias } from './change-prices.ts';
import { presentAlias, presentRepriced } from './domain.ts';
import { importList } from './import-list.ts';
import { repriceUsage } from './preview.ts';
import type { PriceRouteOptions } from './routes.ts';
import { hasModel } from './store.ts';

const DAY_MS = 86_400_000;

export function priceAdminRoutes(app: FastifyInstance, { database, runtime }: PriceRouteOptions): void {
  const { clock, newId } = runtime;

  const changeBy = (request: FastifyRequest) => ({
    by: actorOf(request),
    now: clock.now(),
    auditId: newId(),
  });

  async function requireModel({ provider, model }: { provider: string; model: string }): Promise<void> {
    if (!(await hasModel(database, provider, model))) throw problem('unknown_model', { fields: { model } });
  }

  serveOperation(app, contract.importPriceList, async (request) => {
    const { source, provider = null, valid_from, dry_run: dryRun } = request.body;
    const change = changeBy(request);
    const validFrom = valid_from === undefined ? change.now : new Date(valid_from);
    if (validFrom < change.now) throw inThePast();
    return importList(database, { ...change, source, provider, validFrom, dryRun });
  });

  serveOperation(app, contract.previewPrices, async ({ body }) => {
    for (const change of body.prices) await requireModel(change);
    const to = clock.now();
    const from = new Date(to.getTime() - body.days * DAY_MS);
    const models = await repriceUsage(database, body.prices, { from, to });
    return { from: from.toISOString(), to: to.toISOString(), models: models.map(presentRepriced) };
  });

  serveOperation(app, contract.cancelPrices, async (request) => {
    const { provider, model, valid_from } = request.body;
    const change = changeBy(request);
    const validFrom = new Date(valid_from);
    if (validFrom <= change.now) throw inThePast();
    const cancelled = await cancelScheduled(database, { provider, model, validFrom }, change);
    if (cancelled === 0) throw problem('not_found');
    return { cancelled };
  });

  serveOperation(app, contract.listUnpricedModels, async ({ query }) => {
    const unpriced = await listUnpriced(database);
    const models = unpriced.map(({ provider, model, firstSeenAt }) => ({
      ...{ provider, model, first_seen_at: firstSeenAt.toISOString() },
    }));
    const keyOf = (one: (typeof models)[number]) => `${one.first_seen_at} ${one.provider} ${one.model}`;
    return toKeyPage(models, query, keyOf, 'descending');
  });

  serveOperation(app, contract.listModelAliases, async ({ query }) =>
    toKeyPage((await listAliases(database)).map(presentAlias), query, ({ alias }) => alias),
  );

  serveOperation(app, contract.addModelAlias, async (request, reply) => {
    await requireModel(request.body);
    const alias = await addAlias(database, request.body, changeBy(request));
    reply.code(201);
    return presentAlias(alias);
  });

  serveOperation(app, contract.removeModelAlias, async (request, reply) => {
    if (!(await removeAlias(database, request.params.alias, changeBy(request)))) throw problem('not_found');
    return reply.code(204).send();
  });
}

const inThePast = () =>
  problem('semantic_error', {
    detail: 'valid_from is in the past. Prices of calls that were made do not change.',
    fields: { param: 'valid_from' },
  });
