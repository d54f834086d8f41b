/** Bounds the memory of large request bodies, all clients together. */
import type { FastifyPluginAsync } from 'fastify';
import fp from 'fastify-plugin';
import { problem } from '#libs/problems/problems.ts';
import { MEDIA_BODY_LIMIT } from '#libs/service/serve-operation.ts';
import { createBodyBudget } from './domain.ts';

/** Smaller bodies are bounded by the number of connections. */
const SMALL_BODY_BYTES = 256 * 1024;

export type BodyLimitsOptions = {
  /** Most bytes of large bodies at a time. */
  budgetBytes: number;
};

const bodyLimits: FastifyPluginAsync<BodyLimitsOptions> = async (app, { budgetBytes }) => {
  const budget = createBodyBudget(budgetBytes);
  app.addHook('onRequest', (request, reply, done) => {
    if (!request.routeOptions.config.takesMedia) return done();
    // Without a length, the body may be as long as the route accepts.
    const bytes = Number(request.headers['content-length'] ?? MEDIA_BODY_LIMIT);
    if (bytes <= SMALL_BODY_BYTES || bytes > MEDIA_BODY_LIMIT) return done();
    if (!budget.take(bytes)) return done(problem('overloaded', { headers: { 'retry-after': '1' } }));
    reply.raw.once('close', () => budget.give(bytes));
    done();
  });
};

export const bodyLimitsPlugin = fp(bodyLimits, { name: 'body-limits' });
