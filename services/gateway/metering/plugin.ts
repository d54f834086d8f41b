/** Wires the metering hook: its copies of prices and entitlements, its ledger, generation, and the routes behind it. */
import type { Pool } from 'pg';
import type { ChannelClient } from '#libs/channel/client.ts';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import type { InternalAnswer, InternalClient } from '#libs/clients/internal-client.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { PRICE_FEED_PATH, priceFeedFromWire } from '#libs/contracts/price-feed.ts';
import { storedResponse, storedResponsePath } from '#libs/contracts/stored-response.ts';
import type { AnswerHead } from '#libs/contracts/work.ts';
import type { Listener } from '#libs/db/listen.ts';
import { CHANGES_CHANNEL, parseChange } from '#libs/db/notify.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import { readLimits } from '#libs/ledger/read-limits.ts';
import type { ServiceApp } from '#libs/service/create-service.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import { createPeriodicJob, type PeriodicJob } from '#libs/service/periodic-job.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { callerOf } from '../auth/authenticate.ts';
import { registerChatCompletions } from '../chat/routes.ts';
import { registerGenerate } from '../content/routes.ts';
import { createPlanContext, type ReadStanding } from '../entitlements/plan-context.ts';
import { createIdempotency, type Idempotency, RENEW_EVERY_MS } from '../idempotency/idempotency.ts';
import { createIdempotencyStore } from '../idempotency/store.ts';
import type { KeptResult } from '../idempotency/stored-response.ts';
import { registerImagePlans } from '../images/plan-routes.ts';
import { registerImages } from '../images/routes.ts';
import { registerModels } from '../models/routes.ts';
import { createPlanRateLimiter } from '../rate-limits/plan-rate-limiter.ts';
import { createGenerationProxy } from './generation-proxy.ts';
import { createMeteringHook } from './pipeline.ts';
import { createPriceBook } from './price-book.ts';

export type MeteredDependencies = {
  runtime: Runtime;
  logger: Logger;
  metrics: Metrics;
  ledger: Ledger;
  entitlements: AccountEntitlements;
  pool: Pool;
  listener: Listener;
  usageMetering: InternalClient;
  /** Ways to each generation process: for single calls, and for work. */
  generation: { clients: readonly InternalClient[]; channels: readonly ChannelClient<AnswerHead>[] };
  holdTtlMs: number;
};

export type Metered = {
  /** Also for operations that other services serve. */
  idempotency: Idempotency;
  jobs: PeriodicJob[];
  /** Fails while nothing can be priced. */
  ready: () => Promise<void>;
};

const PRICE_RELOAD_INTERVAL_MS = 30_000;
const PURGE_INTERVAL_MS = 10 * 60_000;

export function addMeteredRoutes(app: ServiceApp, dependencies: MeteredDependencies): Metered {
  const { runtime, logger, metrics, ledger, entitlements, listener } = dependencies;
  const { usageMetering, generation, holdTtlMs } = dependencies;
  const { clock, newId } = runtime;

  const priceBook = createPriceBook({
    fetch: async () => {
      const request = { method: 'GET', path: PRICE_FEED_PATH, requestId: newId() } as const;
      return priceFeedFromWire(bodyOf(await usageMetering.call(request)));
    },
    now: clock.now,
  });
  const keptResult = createKeptResult(generation.clients);
  const idempotencyStore = createIdempotencyStore(dependencies.pool);
  const idempotency = createIdempotency({ store: idempotencyStore, now: clock.now, keptResult });
  const readStanding: ReadStanding = (query) => readLimits(dependencies.pool, clock.now(), query);
  const meter = createMeteringHook({
    ledger,
    now: clock.now,
    entitlements,
    planContext: createPlanContext({ readStanding, suggestPlans: entitlements.suggestPlans }),
    priceBook,
    proxy: createGenerationProxy(generation.channels),
    planRateLimiter: createPlanRateLimiter(clock.now),
    idempotency,
    keptResult,
    metrics,
    holdTtlMs,
  });

  const reloadPrices = () =>
    priceBook.reload().catch((error: unknown) => logger.warn({ err: error }, 'prices could not be read'));
  let unsubscribe = () => {};
  app.addHook('onReady', async () => {
    unsubscribe = await listener.listen(
      [CHANGES_CHANNEL],
      (_channel, payload) => {
        if (parseChange(payload)?.kind === 'prices') void reloadPrices();
      },
      () => void reloadPrices(),
    );
  });
  app.addHook('onClose', () => unsubscribe());

  registerChatCompletions(app, { meter, callerOf });
  registerGenerate(app, { meter, callerOf });
  registerImages(app, { meter, callerOf });
  registerImagePlans(app, { priceBook, entitlements, readStanding, callerOf });
  registerModels(app, {
    priceBook,
    entitlementsOf: (caller) => entitlements.get(caller.accountId),
    callerOf,
  });

  const job = (name: string, intervalMs: number, run: () => Promise<unknown>) =>
    createPeriodicJob({
      name,
      intervalMs,
      logger,
      run: async () => {
        await run();
      },
    });
  return {
    idempotency,
    jobs: [
      job('read prices', PRICE_RELOAD_INTERVAL_MS, reloadPrices),
      job('renew idempotency leases', RENEW_EVERY_MS, idempotency.renew),
      job('purge idempotency keys', PURGE_INTERVAL_MS, () => idempotencyStore.purge(clock.now())),
    ],
    ready: async () => {
      if (priceBook.models().length === 0) await priceBook.reload();
    },
  };
}

function bodyOf(answer: InternalAnswer): unknown {
  if (answer.status !== 200) throw new Error(`a service answered ${answer.status}`);
  return answer.body;
}

/** Any generation process can tell: kept answers are in the database. */
function createKeptResult(clients: readonly InternalClient[]) {
  return async (requestId: string, caller: Caller): Promise<KeptResult> => {
    let lost: unknown;
    for (const client of clients) {
      try {
        const answer = await client.call({
          method: 'GET',
          path: storedResponsePath(requestId),
          requestId,
          caller,
        });
        const kept = storedResponse.parse(bodyOf(answer));
        if (kept.state !== 'done') return kept;
        const { status, headers, body_base64 } = kept;
        return { state: 'done', answer: { status, headers, body: Buffer.from(body_base64, 'base64') } };
      } catch (error) {
        lost = error;
      }
    }
    throw lost;
  };
}
