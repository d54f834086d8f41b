import type { FastifyInstance } from 'fastify';
import { getHealth } from '#libs/contracts/service-operations.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';

/** For load balancers that reach the public port only; other operations endpoints have a port of their own. */
export function healthRoutes(app: FastifyInstance): void {
  serveOperation(app, getHealth, async () => ({ status: 'ok' as const, service: 'gateway' }));
}
