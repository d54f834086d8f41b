/**
 * `Idempotency-Key` for operations that the gateway serves itself. Their responses may contain secrets, such as a new API key,
 * so they are stored encrypted with a key derived from the client's `Idempotency-Key`, of which only a hash is stored.
 */
import { hash, hkdfSync } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import {
  decrypt as decryptWith,
  ENCRYPTION_KEY_BYTES,
  encrypt as encryptWith,
} from '#libs/auth/authenticated-encryption.ts';
import { idempotencyHeaders } from '#libs/contracts/idempotency-key.ts';
import { fastifyPath, type Operation } from '#libs/contracts/operation.ts';
import { OPERATIONS } from '../openapi/domain.ts';
import { checkKeyFormat, replayHeaders } from './domain.ts';
import { begin, type Claim, conclude, type IdempotencyState } from './idempotency.ts';

const OWN_ROUTES = new Set(
  (OPERATIONS.gateway as readonly Operation[])
    .filter(({ headers }) => headers === idempotencyHeaders)
    .map(({ method, path }) => `${method} ${fastifyPath(path)}`),
);

const NO_BODY = Buffer.alloc(0);

/** @param state its `readOutcome` is not asked: what a gateway that died has served is not known. */
export function addIdempotency(app: FastifyInstance, state: Omit<IdempotencyState, 'readOutcome'>): void {
  const own: IdempotencyState = { ...state, readOutcome: async () => ({ state: 'unknown' }) };
  const claims = new WeakMap<object, { claim: Claim; key: string }>();

  app.addHook('preHandler', async (request, reply) => {
    const key = request.headers['idempotency-key'];
    if (typeof key !== 'string' || !OWN_ROUTES.has(`${request.method} ${request.routeOptions.url}`)) return;
    checkKeyFormat(key);
    const begun = await begin(own, {
      ...{ caller: request.caller, requestId: request.id, key: `own.${hash('sha256', key, 'base64url')}` },
      ...{ path: request.url, body: request.rawBody ?? NO_BODY },
    });
    if ('claim' in begun) {
      claims.set(request, { claim: begun.claim, key });
      return;
    }
    const { replay } = begun;
    reply.code(replay.status).headers(replayHeaders(replay));
    return reply.send(decrypt(key, replay.body));
  });

  app.addHook('onSend', async (request, reply, payload) => {
    const claimed = claims.get(request);
    if (claimed === undefined) return payload;
    claims.delete(request);
    const text = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : '';
    const response = {
      status: reply.statusCode,
      headers: {
        'content-type': String(reply.getHeader('content-type') ?? 'application/json'),
        'x-request-id': request.id,
      },
      body: encrypt(claimed.key, Buffer.from(text)),
    };
    await conclude(own, claimed.claim, { state: 'done', response });
    return payload;
  });
}

const derive = (key: string) =>
  Buffer.from(hkdfSync('sha256', key, '', 'stored response', ENCRYPTION_KEY_BYTES));

export const encrypt = (key: string, text: Buffer): Buffer => encryptWith(derive(key), text);

/** The inverse of {@link encrypt}. @throws Error for another key. */
export const decrypt = (key: string, stored: Buffer): Buffer => decryptWith(derive(key), stored);
