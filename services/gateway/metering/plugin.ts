import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import fp from 'fastify-plugin';
import type { Dispatcher } from 'undici';
import type { SignIdentity } from '#libs/auth/internal-identity.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { RequestBody } from '../entitlements/domain/requirement.ts';
import { createPlanRateLimiter } from '../rate-limits/domain/plan-rate-limiter.ts';
import type { MeteredRoute } from './domain/route.ts';
import { createForward } from './forward.ts';
import { type Metering, serveMetered } from './pipeline.ts';

declare module 'fastify' {
  interface FastifyInstance {
    metering: Metering;
  }
}

export type MeteringOptions = Pick<
  Metering,
  'ledger' | 'now' | 'entitlements' | 'readLimits' | 'metrics' | 'holdTtlMs'
> & {
  /** One for each generation address. */
  generationPools: readonly Dispatcher[];
  /** Signs requests to generation. */
  sign: SignIdentity;
};

/** Shares the pipeline of metered requests with the features that have metered routes. */
export const meteringPlugin = fp<MeteringOptions>(
  (async (app, { generationPools, sign, ...options }) => {
    app.decorate('metering', {
      ...options,
      priceBook: app.priceBook,
      planRateLimiter: createPlanRateLimiter(options.now),
      forward: createForward({ pools: generationPools, sign }),
      idempotency: app.idempotency,
    });
  }) satisfies FastifyPluginAsync<MeteringOptions>,
  { name: 'metering', dependencies: ['prices', 'idempotency'] },
);

/** Adds a route whose requests pass the pipeline. */
export function meteredRoute<B extends RequestBody>(app: FastifyInstance, route: MeteredRoute<B>): void {
  const { metering } = app;
  serveOperation(app, route.operation, async (request, reply) => {
    await serveMetered(metering, route, request, reply, request.caller);
    return reply;
  });
}
