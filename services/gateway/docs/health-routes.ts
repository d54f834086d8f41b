import { getHealth } from '#libs/contracts/service-operations.ts';
import type { ServiceApp } from '#libs/service/create-service.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';

/** For load balancers that can only see the public port; the rest of operations stays on its own. */
export function registerHealth(app: ServiceApp): void {
  serveOperation(app, getHealth, async () => ({ status: 'ok' as const, service: 'gateway' }));
}
