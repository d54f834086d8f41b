import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { Dispatcher } from 'undici';
import type { SignIdentity } from '#libs/auth/internal-identity.ts';
import type { Operation } from '#libs/contracts/operation.ts';
import { createFailover } from '#libs/http/failover.ts';
import { isNotSent } from '#libs/http/service-pool.ts';
import { createLiveStreams } from './live-streams.ts';
import { proxyRoutes } from './routes.ts';

export type ProxyOptions = {
  operations: readonly Operation[];
  /** Connections to the processes of the service that serves the operations. */
  pools: readonly Dispatcher[];
  /** Signs requests to that service. */
  sign: SignIdentity;
};

/** Operations that another service serves. Registered once for each service. */
export const proxyPlugin: FastifyPluginAsync<ProxyOptions> = async (app, { operations, pools, sign }) => {
  const failover = createFailover(pools, isNotSent);
  const liveStreams = createLiveStreams(app.authenticateAgain);
  // The server waits for open responses before it closes.
  app.addHook('preClose', async () => liveStreams.close());
  proxyRoutes(app, operations, {
    liveStreams,
    failover,
    sign,
    callerOf: (request: FastifyRequest) =>
      request.routeOptions.config.auth === 'none' ? null : request.caller,
    idempotency: app.idempotency,
  });
};
