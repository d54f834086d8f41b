import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import fp from 'fastify-plugin';
import type { InternalClient } from '#libs/clients/internal-client.ts';
import { PRICE_FEED_PATH, type PriceFeed, priceFeedFromWire } from '#libs/contracts/price-feed.ts';
import type { Listener } from '#libs/db/listen.ts';
import { CHANGES_CHANNEL, parseChange } from '#libs/db/notify.ts';
import type { Logger } from '#libs/service/logger.ts';
import { createPeriodicJob } from '#libs/service/periodic-job.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { createPriceBook, type PriceBook } from './domain.ts';

declare module 'fastify' {
  interface FastifyInstance {
    priceBook: PriceBook;
  }
}

export type PricesOptions = {
  usageMetering: InternalClient;
  listener: Listener;
  runtime: Runtime;
  logger: Logger;
};

const RELOAD_INTERVAL_MS = 30_000;

/** Shares the gateway's copy of models and prices. */
export const pricesPlugin = fp<PricesOptions>(
  (async (app, { usageMetering, listener, runtime, logger }) => {
    const priceBook = createPriceBook({
      fetch: () => readPriceFeed(usageMetering, runtime.newId()),
      now: runtime.clock.now,
    });
    app.decorate('priceBook', priceBook);
    keepFresh(app, priceBook, listener, logger);
  }) satisfies FastifyPluginAsync<PricesOptions>,
  { name: 'prices' },
);

async function readPriceFeed(usageMetering: InternalClient, requestId: string): Promise<PriceFeed> {
  const { status, body } = await usageMetering.call({ method: 'GET', path: PRICE_FEED_PATH, requestId });
  if (status !== 200) throw new Error(`Usage-metering answered ${status} for the prices.`);
  return priceFeedFromWire(body);
}

/** Reloads prices on a notification of a change, and periodically in case one is lost. */
function keepFresh(app: FastifyInstance, priceBook: PriceBook, listener: Listener, logger: Logger): void {
  const reload = () =>
    priceBook.reload().catch((error: unknown) => logger.warn({ err: error }, 'price reload failed'));
  const periodically = createPeriodicJob({
    name: 'reload-prices',
    intervalMs: RELOAD_INTERVAL_MS,
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
