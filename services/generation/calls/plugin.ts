import type { FastifyPluginAsync } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { Database } from '#libs/db/database.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { createCircuitBreaker } from './domain/circuit-breaker.ts';
import type { FlagOptions } from './domain/flag-call.ts';
import type { CallRunner } from './domain/run-call.ts';
import { createCallMetrics, registerBreakerMetric } from './metrics.ts';
import { emitOverrun } from './overrun-store.ts';

declare module 'fastify' {
  interface FastifyInstance {
    callRunner: CallRunner;
    /** For `/ready`: the models that are avoided because they fail. */
    callConditions: () => Record<string, string>;
    /** Emits the event of a call that used more than was held for it. */
    reportOverrun: FlagOptions['reportOverrun'];
  }
}

/** A model that failed five times in a row is tried again after ten seconds. */
const BREAKER = { failures: 5, pauseMs: 10_000 };

export type CallsOptions = {
  limits: Omit<CallRunner, 'metrics' | 'random' | 'breaker'>;
  metrics: Metrics;
  database: Database;
  runtime: Runtime;
};

/** Shares what every provider call is run with: its timeouts, retries and metrics. */
const calls: FastifyPluginAsync<CallsOptions> = async (app, { limits, metrics, database, runtime }) => {
  const breaker = createCircuitBreaker(BREAKER);
  registerBreakerMetric(metrics, breaker);
  app.decorate('callRunner', {
    ...limits,
    metrics: createCallMetrics(metrics),
    breaker,
    random: runtime.random,
  });
  app.decorate('callConditions', (): Record<string, string> => {
    const avoided = breaker.avoided();
    return avoided.length === 0 ? {} : { models: `avoided after failures: ${avoided.join(', ')}` };
  });
  app.decorate('reportOverrun', (overrun) => emitOverrun(database, overrun, runtime));
};

export const callsPlugin = fastifyPlugin(calls, { name: 'calls' });
