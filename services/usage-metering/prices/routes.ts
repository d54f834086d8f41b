import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { actorOf } from '#libs/audit/request-actor.ts';
import { succeed } from '#libs/contracts/envelope.ts';
import { toKeyPage, toList } from '#libs/contracts/page.ts';
import { PRICE_FEED_PATH, priceFeedToWire } from '#libs/contracts/price-feed.ts';
import { addPrices as addPricesOperation, getPricing, listPrices } from '#libs/contracts/prices.ts';
import type { Database } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { addPrices } from './change-prices.ts';
import { historyKey, presentHistory, pricingListOf, rowsOfRequest } from './domain.ts';
import { hasModel, listPriceHistory, readPriceFeed } from './store.ts';

export type PriceRouteOptions = { database: Database; runtime: Pick<Runtime, 'clock' | 'newId'> };

export function priceRoutes(app: FastifyInstance, { database, runtime }: PriceRouteOptions): void {
  const { clock, newId } = runtime;

  app.get(PRICE_FEED_PATH, async (request, reply) => {
    const body = JSON.stringify(priceFeedToWire(await readPriceFeed(database, clock.now())));
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
    reply.header('etag', etag);
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    return reply.type('application/json; charset=utf-8').send(body);
  });

  serveOperation(app, getPricing, async () => {
    const now = clock.now();
    const { models, rows } = await readPriceFeed(database, now);
    return succeed(pricingListOf(models, rows, now));
  });

  serveOperation(app, listPrices, async (request) => {
    const { provider = null, model = null, ...page } = request.query;
    const history = presentHistory(await listPriceHistory(database, { provider, model }), clock.now());
    return toKeyPage(history, page, historyKey);
  });

  serveOperation(app, addPricesOperation, async (request, reply) => {
    const now = clock.now();
    const { provider, model, valid_from } = request.body;
    const validFrom = valid_from === undefined ? now : new Date(valid_from);
    if (validFrom < now) {
      throw problem('semantic_error', {
        detail: 'valid_from is in the past. Prices of calls that were made do not change.',
        fields: { param: 'valid_from' },
      });
    }
    if (!(await hasModel(database, provider, model))) throw problem('unknown_model', { fields: { model } });
    const rows = rowsOfRequest(request.body, validFrom);
    const by = actorOf(request);
    await addPrices(database, rows, { by, now, auditId: newId() });
    reply.code(201);
    const added = rows.map((row) => ({ ...row, author: by.actor, createdAt: now }));
    return toList(presentHistory(added, now));
  });
}
