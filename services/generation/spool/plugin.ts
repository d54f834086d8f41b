import type { FastifyPluginAsync } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { Counter, Gauge } from 'prom-client';
import { isDataFault, type Ledger } from '#libs/ledger/ledger.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import { createPeriodicJob } from '#libs/service/periodic-job.ts';
import type { Spool } from './domain.ts';
import { replaySpool } from './replay.ts';
import { openSpoolFile, type SpoolFile } from './spool-file.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Keeps settlements that cannot reach the database. */
    settlementSpool: Spool;
    /** What waits in the spool, for `/ready`; empty if nothing does. */
    spoolConditions: () => Record<string, string>;
  }
}

export type SpoolOptions = {
  directory: string;
  maxBytes: number;
  ledger: Pick<Ledger, 'settle' | 'close' | 'correct'>;
  now: () => Date;
  logger: Logger;
  metrics: Pick<Metrics, 'registry'>;
};

/** How soon spooled settlements are replayed after the database can be reached again. */
const REPLAY_INTERVAL_MS = 1_000;

/** Spools settlements to disk while the database is away, and replays them. */
const spool: FastifyPluginAsync<SpoolOptions> = async (app, { ledger, metrics, ...options }) => {
  const file = await openSpoolFile(options);
  const replayed = new Counter({
    name: 'inkmeter_spool_replayed_total',
    help: 'Spooled settlements that reached the ledger, by outcome',
    labelNames: ['outcome'] as const,
    registers: [metrics.registry],
  });
  registerGauges(file, options.now, metrics);
  const replay = createPeriodicJob({
    name: 'replay-spool',
    intervalMs: REPLAY_INTERVAL_MS,
    logger: options.logger,
    run: (signal) =>
      replaySpool(
        {
          ledger,
          spool: file,
          isItemsFault: (error) => isDataFault(error) || error instanceof RangeError,
          logger: options.logger,
          onReplayed: (outcome) => replayed.inc({ outcome }),
        },
        signal,
      ),
  });
  app.decorate('settlementSpool', file);
  app.decorate('spoolConditions', (): Record<string, string> => {
    const count = file.waiting().length;
    if (count === 0) return {};
    return {
      settlement_spool: `${count} waiting, the oldest for ${Math.round(oldestSeconds(file, options.now))} s`,
    };
  });
  app.addHook('onListen', async () => replay.start());
  app.addHook('onClose', replay.stop);
};

function oldestSeconds(file: SpoolFile, now: () => Date): number {
  const [oldest] = file.waiting();
  return oldest === undefined ? 0 : Math.max(0, (now().getTime() - oldest.at) / 1_000);
}

function registerGauges(file: SpoolFile, now: () => Date, { registry }: Pick<Metrics, 'registry'>): void {
  new Gauge({
    name: 'inkmeter_spooled_settlements',
    help: 'Settlements on disk that wait to be replayed',
    registers: [registry],
    collect() {
      this.set(file.waiting().length);
    },
  });
  new Gauge({
    name: 'inkmeter_spool_oldest_seconds',
    help: 'Age of the oldest settlement on disk; 0 if there is none',
    registers: [registry],
    collect() {
      this.set(oldestSeconds(file, now));
    },
  });
}

export const spoolPlugin = fastifyPlugin(spool, { name: 'spool' });
