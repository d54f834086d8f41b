import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Dispatcher } from 'undici';
import type { SignIdentity } from '#libs/auth/internal-identity.ts';
import type { Operation } from '#libs/contracts/operation.ts';
import type { Database } from '#libs/db/database.ts';
import { type OperationRequest, serveOperation } from '#libs/service/serve-operation.ts';
import type { RequestBody } from '../entitlements/domain/requirement.ts';
import { createPlanRateLimiter } from '../rate-limits/domain/plan-rate-limiter.ts';
import type { MeteredRoute } from './domain/route.ts';
import { createForward } from './forward.ts';
import type { Metering } from './metering.ts';
import { serveMetered } from './pipeline.ts';
import { findStopNotice } from './stop-notices-store.ts';

export { serveWithoutClient } from './pipeline.ts';

declare module 'fastify' {
  interface FastifyInstance {
    metering: Metering;
  }
}

export type MeteringOptions = Pick<
  Metering,
  'ledger' | 'now' | 'entitlements' | 'readLimits' | 'metrics' | 'holdTtlMs'
> & {
  database: Database;
  /** One for each generation address. */
  generationPools: readonly Dispatcher[];
  /** Signs requests to generation. */
  sign: SignIdentity;
};

/** Shares the pipeline of metered requests with the features that have metered routes. */
export const meteringPlugin = fp<MeteringOptions>(
  (async (app, { database, generationPools, sign, ...options }) => {
    app.decorate('metering', {
      ...options,
      findStopNotice: (stop) => findStopNotice(database, stop),
      priceBook: app.priceBook,
      planRateLimiter: createPlanRateLimiter(app.sharedCounters, app.takeStream),
      forward: createForward({ pools: generationPools, sign }),
      idempotency: app.idempotency,
    });
  }) satisfies FastifyPluginAsync<MeteringOptions>,
  { name: 'metering', dependencies: ['prices', 'idempotency', 'rate-limits'] },
);

/** A request in the form that the pipeline serves, and the route that serves it. */
export type PreparedRequest<B extends RequestBody> = {
  body: B;
  route: MeteredRoute<B>;
  /** What generation receives, if that is not the body as JSON. */
  bytes?: Buffer;
};

/** Adds a route whose requests are translated before they pass the pipeline. */
export function translatedRoute<O extends Operation, B extends RequestBody>(
  app: FastifyInstance,
  operation: O,
  prepare: (request: OperationRequest<O>) => PreparedRequest<B> | Promise<PreparedRequest<B>>,
): void {
  const { metering } = app;
  serveOperation(app, operation, async (request, reply) => {
    const { body, route, bytes = Buffer.from(JSON.stringify(body)) } = await prepare(request);
    const served = request as FastifyRequest;
    served.body = body;
    served.rawBody = bytes;
    try {
      await serveMetered(metering, route, served, reply, request.caller);
    } finally {
      await served.upload?.close();
    }
    return reply;
  });
}

/** Adds a route whose requests pass the pipeline. @param routeOf the route of one request, if it differs. */
export function meteredRoute<B extends RequestBody>(
  app: FastifyInstance,
  route: MeteredRoute<B>,
  routeOf: (request: FastifyRequest) => MeteredRoute<B> = () => route,
): void {
  const { metering } = app;
  serveOperation(app, route.operation, async (request, reply) => {
    await serveMetered(metering, routeOf(request as FastifyRequest), request, reply, request.caller);
    return reply;
  });
}
