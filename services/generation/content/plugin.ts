import type { FastifyPluginAsync } from 'fastify';
import type { Metrics } from '#libs/service/metrics.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { contentRoute } from './routes.ts';

export type ContentOptions = { clock: Clock; metrics: Metrics; bodyLimitBytes: number };

/** Jobs whose request waits for the results. */
export const contentPlugin: FastifyPluginAsync<ContentOptions> = async (app, options) => {
  contentRoute({ ...options, jobs: app.jobs, storedResponses: app.storedResponses });
};
