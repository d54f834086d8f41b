import type { FastifyPluginAsync } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { Metrics } from '#libs/service/metrics.ts';
import type { CallRunner } from './domain/run-call.ts';
import { createCallMetrics } from './metrics.ts';

declare module 'fastify' {
  interface FastifyInstance {
    callRunner: CallRunner;
  }
}

export type CallsOptions = {
  limits: Omit<CallRunner, 'metrics' | 'random'>;
  metrics: Metrics;
  random: () => number;
};

/** Shares what every provider call is run with: its timeouts, retries and metrics. */
const calls: FastifyPluginAsync<CallsOptions> = async (app, { limits, metrics, random }) => {
  app.decorate('callRunner', { ...limits, metrics: createCallMetrics(metrics), random });
};

export const callsPlugin = fastifyPlugin(calls, { name: 'calls' });
