import type { FastifyPluginAsync } from 'fastify';
import fp from 'fastify-plugin';
import type { InternalClient } from '#libs/clients/internal-client.ts';
import type { Database } from '#libs/db/database.ts';
import type { Logger } from '#libs/service/logger.ts';
import { createPeriodicJob } from '#libs/service/periodic-job.ts';
import { type Idempotency, LEASE_RENEWAL_MS } from './domain.ts';
import { type IdempotencyState, renewRunning, runOnce } from './idempotency.ts';
import { createOutcomeReader } from './outcome-reader.ts';
import { addIdempotency } from './repeat-own-requests.ts';

declare module 'fastify' {
  interface FastifyInstance {
    idempotency: Idempotency;
  }
}

export type IdempotencyOptions = {
  database: Database;
  now: () => Date;
  logger: Logger;
  /** One for each generation process. */
  generation: readonly InternalClient[];
};

/** Shares how requests with an `Idempotency-Key` are run, and renews their leases until the app has closed. */
export const idempotencyPlugin = fp<IdempotencyOptions>(
  (async (app, { database, now, logger, generation }) => {
    const state: IdempotencyState = {
      database,
      now,
      readOutcome: createOutcomeReader(generation),
      running: new Set(),
    };
    app.decorate('idempotency', {
      runOnce: (...request) => runOnce(state, ...request),
      readOutcome: state.readOutcome,
    });
    addIdempotency(app, state);
    const renewal = createPeriodicJob({
      name: 'renew-idempotency-leases',
      intervalMs: LEASE_RENEWAL_MS,
      logger,
      run: () => renewRunning(state),
    });
    app.addHook('onListen', async () => renewal.start());
    app.addHook('onClose', () => renewal.stop());
  }) satisfies FastifyPluginAsync<IdempotencyOptions>,
  { name: 'idempotency' },
);
