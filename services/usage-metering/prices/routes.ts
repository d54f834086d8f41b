import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { succeed } from '#libs/contracts/envelope.ts';
import { PRICE_FEED_PATH, type PriceFeed, priceFeedToWire } from '#libs/contracts/price-feed.ts';
import { addPrices, getPricing, listPrices } from '#libs/contracts/prices.ts';
import type { PriceRow } from '#libs/pricing/price.ts';
import { UNIT_CLASSES } from '#libs/pricing/units.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { presentHistory, pricingListOf, type RecordedPrice } from './domain.ts';

export type PriceRouteOptions = {
  clock: Clock;
  feed: (now: Date) => Promise<PriceFeed>;
  history: (filter: { provider: string | null; model: string | null }) => Promise<RecordedPrice[]>;
  hasModel: (provider: string, model: string) => Promise<boolean>;
  add: (rows: readonly PriceRow[], by: { author: string; now: Date }) => Promise<'added' | 'exists'>;
};

export function priceRoutes(
  app: FastifyInstance,
  { clock, feed, history, hasModel, add }: PriceRouteOptions,
): void {
  app.get(PRICE_FEED_PATH, async (request, reply) => {
    const body = JSON.stringify(priceFeedToWire(await feed(clock.now())));
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
    reply.header('etag', etag);
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    return reply.type('application/json; charset=utf-8').send(body);
  });

  serveOperation(app, getPricing, async () => {
    const now = clock.now();
    const { models, rows } = await feed(now);
    return succeed(pricingListOf(models, rows, now));
  });

  serveOperation(app, listPrices, async (request) => {
    const { provider = null, model = null } = request.query;
    return succeed({ prices: presentHistory(await history({ provider, model }), clock.now()) });
  });

  serveOperation(app, addPrices, async (request, reply) => {
    const now = clock.now();
    const { provider, model, valid_from, from_input_tokens: fromInputTokens, ...prices } = request.body;
    const validFrom = valid_from === undefined ? now : new Date(valid_from);
    if (validFrom < now) {
      throw problem('semantic_error', {
        detail: 'valid_from is in the past: prices that calls were made at do not change.',
        fields: { param: 'valid_from' },
      });
    }
    if (!(await hasModel(provider, model))) throw problem('unknown_model', { fields: { model } });
    const given: Record<string, bigint> = { ...prices.per_million_tokens, ...prices.per_unit };
    const rows = UNIT_CLASSES.flatMap((unitClass) => {
      const picoUsdPerUnit = given[unitClass];
      if (picoUsdPerUnit === undefined) return [];
      return [
        {
          provider,
          model,
          class: unitClass,
          validFrom: validFrom.toISOString(),
          picoUsdPerUnit,
          fromInputTokens,
        },
      ];
    });
    const { userId, accountId } = callerOf(request);
    const author = userId ?? accountId;
    if ((await add(rows, { author, now })) === 'exists') {
      throw problem('conflict', { detail: 'A price of this model begins at that very instant already.' });
    }
    reply.code(201);
    return succeed({
      prices: presentHistory(
        rows.map((row) => ({ ...row, author, createdAt: now })),
        now,
      ),
    });
  });
}
