import type { ServiceApp } from '#libs/service/create-service.ts';

/** For load balancers that can only see the public port; the rest of operations stays on its own. */
export function registerHealth(app: ServiceApp): void {
  app.get('/health', { config: { auth: 'none' } }, async () => ({ status: 'ok', service: 'gateway' }));
}
