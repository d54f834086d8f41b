/** Bounds what large request bodies take, all clients together: memory, or disk for the files of forms. */
import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import fp from 'fastify-plugin';
import { problem } from '#libs/problems/problems.ts';
import { MEDIA_BODY_LIMIT } from '#libs/service/serve-operation.ts';
import { type BodyBudget, createBodyBudget } from './domain.ts';

/** Smaller bodies are bounded by the number of connections. */
const SMALL_BODY_BYTES = 256 * 1024;
/** A body that waits is not read, so that it stays with its client. */
const LONGEST_WAIT_MS = 10_000;

export type BodyLimitsOptions = {
  /** Most bytes of large bodies in memory at a time. */
  budgetBytes: number;
  /** Most bytes of uploaded files on disk at a time. */
  uploadBudgetBytes: number;
};

const bodyLimits: FastifyPluginAsync<BodyLimitsOptions> = async (app, { budgetBytes, uploadBudgetBytes }) => {
  const memory = createBodyBudget(budgetBytes);
  const disk = createBodyBudget(uploadBudgetBytes);

  function giveAtEnd(budget: BodyBudget, { raw }: FastifyReply, bytes: number): void {
    if (raw.destroyed) budget.give(bytes);
    else raw.once('close', () => budget.give(bytes));
  }

  app.addHook('onRequest', (request, reply, done) => {
    const { takesMedia, isForm } = request.routeOptions.config;
    if (!takesMedia) return done();
    const budget = isForm ? disk : memory;
    // Without a length, the body may be as long as the route accepts.
    const bytes = Number(request.headers['content-length'] ?? MEDIA_BODY_LIMIT);
    if (bytes <= SMALL_BODY_BYTES || bytes > MEDIA_BODY_LIMIT) return done();
    if (budget.take(bytes)) {
      giveAtEnd(budget, reply, bytes);
      return done();
    }
    const { taken, cancel } = budget.wait(bytes, LONGEST_WAIT_MS);
    reply.raw.once('close', cancel);
    void taken.then((isTaken) => {
      reply.raw.off('close', cancel);
      if (!isTaken) return done(problem('overloaded', { headers: { 'retry-after': '1' } }));
      giveAtEnd(budget, reply, bytes);
      done();
    });
  });
};

export const bodyLimitsPlugin = fp(bodyLimits, { name: 'body-limits' });
