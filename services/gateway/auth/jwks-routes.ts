import { getJsonWebKeySet } from '#libs/contracts/identity.ts';
import type { ServiceApp } from '#libs/service/create-service.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { SigningKey } from './signing-keys.ts';

/** Whoever verifies our tokens may keep the keys this long; so a new key is published that long before it signs. */
const CACHE_CONTROL = 'public, max-age=300';

export function registerJwks(app: ServiceApp, keys: readonly SigningKey[]): void {
  const keySet = { keys: keys.map(({ publicJwk }) => publicJwk) };
  serveOperation(app, getJsonWebKeySet, async (_request, reply) => {
    reply.header('cache-control', CACHE_CONTROL);
    return keySet;
  });
}
