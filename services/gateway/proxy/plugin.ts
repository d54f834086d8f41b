import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { Dispatcher } from 'undici';
import type { ContextSigner } from '#libs/auth/internal-context.ts';
import type { Operation } from '#libs/contracts/operation.ts';
import { createFailover } from '#libs/http/failover.ts';
import { isNotSent } from '#libs/http/service-pool.ts';
import { proxyRoutes } from './routes.ts';

export type ProxyOptions = {
  operations: readonly Operation[];
  /** Connections to the processes of the service that serves the operations. */
  pools: readonly Dispatcher[];
  signer: ContextSigner;
  now: () => Date;
};

/** Operations that another service serves. Registered once for each service. */
export const proxyPlugin: FastifyPluginAsync<ProxyOptions> = async (
  app,
  { operations, pools, signer, now },
) => {
  const failover = createFailover(pools, isNotSent);
  proxyRoutes(app, operations, {
    failover,
    signer,
    now,
    callerOf: (request: FastifyRequest) =>
      request.routeOptions.config.auth === 'none' ? null : request.caller,
    idempotency: app.idempotency,
  });
};
