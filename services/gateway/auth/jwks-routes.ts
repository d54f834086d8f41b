import type { FastifyInstance } from 'fastify';
import { getJsonWebKeySet } from '#libs/contracts/identity.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { SigningKey } from './signing-keys.ts';

/** Verifiers may cache the keys this long, so a new key must be published that long before it signs. */
const CACHE_CONTROL = 'public, max-age=300';

export function jwksRoutes(app: FastifyInstance, keys: readonly SigningKey[]): void {
  const keySet = { keys: keys.map(({ publicJwk }) => publicJwk) };
  serveOperation(app, getJsonWebKeySet, async (_request, reply) => {
    reply.header('cache-control', CACHE_CONTROL);
    return keySet;
  });
}
