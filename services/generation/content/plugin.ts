import type { FastifyPluginAsync } from 'fastify';
import type { Metrics } from '#libs/service/metrics.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { recoverContent } from './result.ts';
import { contentRoute } from './routes.ts';

export type ContentOptions = { clock: Clock; metrics: Metrics; bodyLimitBytes: number };

/** Jobs whose request waits for the results. */
export const contentPlugin: FastifyPluginAsync<ContentOptions> = async (app, options) => {
  const { jobs } = app;
  contentRoute({ ...options, jobs, storedResponses: app.storedResponses });
  app.responseRecoveries.push((requestId, accountId) => recoverContent(jobs, requestId, accountId));
};
