import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import fp from 'fastify-plugin';
import type { ChannelClient } from '#libs/channel/client.ts';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import type { InternalClient } from '#libs/clients/internal-client.ts';
import { PRICE_FEED_PATH, type PriceFeed, priceFeedFromWire } from '#libs/contracts/price-feed.ts';
import type { AnswerHead } from '#libs/contracts/work.ts';
import type { Listener } from '#libs/db/listen.ts';
import { CHANGES_CHANNEL, parseChange } from '#libs/db/notify.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import { createPeriodicJob } from '#libs/service/periodic-job.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { ReadLimits } from '../entitlements/plan-context.ts';
import type { RequestBody } from '../entitlements/requirement.ts';
import { createPlanRateLimiter } from '../rate-limits/plan-rate-limiter.ts';
import { createGenerationProxy } from './generation-proxy.ts';
import { type Metering, serveMetered } from './pipeline.ts';
import { createPriceBook, type PriceBook } from './price-book.ts';
import type { MeteredRoute } from './route.ts';

declare module 'fastify' {
  interface FastifyInstance {
    metering: Metering;
  }
}

export type MeteringOptions = {
  runtime: Runtime;
  logger: Logger;
  metrics: Metrics;
  listener: Listener;
  ledger: Ledger;
  entitlements: AccountEntitlements;
  readLimits: ReadLimits;
  usageMetering: InternalClient;
  /** One for each generation process. */
  channels: readonly ChannelClient<AnswerHead>[];
  holdTtlMs: number;
};

const PRICE_RELOAD_INTERVAL_MS = 30_000;

/** Shares the pipeline of metered requests with the features that have metered routes. */
export const meteringPlugin = fp<MeteringOptions>(
  (async (app, options) => {
    const { runtime, logger, listener } = options;
    const { now } = runtime.clock;
    const priceBook = createPriceBook({
      fetch: () => readPriceFeed(options.usageMetering, runtime.newId()),
      now,
    });
    app.decorate('metering', {
      ledger: options.ledger,
      now,
      entitlements: options.entitlements,
      readLimits: options.readLimits,
      priceBook,
      planRateLimiter: createPlanRateLimiter(now),
      proxy: createGenerationProxy(options.channels),
      idempotency: app.idempotency,
      metrics: options.metrics,
      holdTtlMs: options.holdTtlMs,
    });
    keepPricesFresh(app, priceBook, listener, logger);
  }) satisfies FastifyPluginAsync<MeteringOptions>,
  { name: 'metering', dependencies: ['idempotency'] },
);

/** Adds a route whose requests pass the pipeline. */
export function addMeteredRoute<B extends RequestBody>(app: FastifyInstance, route: MeteredRoute<B>): void {
  const { metering } = app;
  serveOperation(app, route.operation, async (request, reply) => {
    await serveMetered(metering, route, request, reply, request.caller);
    return reply;
  });
}

async function readPriceFeed(usageMetering: InternalClient, requestId: string): Promise<PriceFeed> {
  const { status, body } = await usageMetering.call({ method: 'GET', path: PRICE_FEED_PATH, requestId });
  if (status !== 200) throw new Error(`Usage-metering answered ${status} for the prices.`);
  return priceFeedFromWire(body);
}

/** Reloads prices on a notification of a change, and periodically in case one is lost. */
function keepPricesFresh(
  app: FastifyInstance,
  priceBook: PriceBook,
  listener: Listener,
  logger: Logger,
): void {
  const reload = () =>
    priceBook.reload().catch((error: unknown) => logger.warn({ err: error }, 'price reload failed'));
  const periodically = createPeriodicJob({
    name: 'reload-prices',
    intervalMs: PRICE_RELOAD_INTERVAL_MS,
    logger,
    run: reload,
  });
  let unsubscribe = () => {};
  app.addHook('onReady', async () => {
    unsubscribe = await listener.listen(
      [CHANGES_CHANNEL],
      (_channel, payload) => {
        if (parseChange(payload)?.kind === 'prices') void reload();
      },
      () => void reload(),
    );
  });
  app.addHook('onListen', async () => periodically.start());
  app.addHook('onClose', async () => {
    unsubscribe();
    await periodically.stop();
  });
}
