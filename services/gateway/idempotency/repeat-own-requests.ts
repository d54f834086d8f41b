/**
 * `Idempotency-Key` for operations that the gateway serves itself. Their responses may contain secrets, such as a new API key
 * or the tokens of a session, so they are stored encrypted (`own-request.ts`).
 */
import type { FastifyInstance } from 'fastify';
import { idempotencyHeaders } from '#libs/contracts/idempotency-key.ts';
import { fastifyPath, type Operation } from '#libs/contracts/operation.ts';
import { OPERATIONS } from '../openapi/domain.ts';
import { checkKeyFormat, type RequestOutcome, replayHeaders } from './domain.ts';
import { beginNamed, type Claim, conclude, type IdempotencyState } from './idempotency.ts';
import { decrypt, encrypt, identify, subjectOf } from './own-request.ts';

const OWN_ROUTES = new Map(
  (OPERATIONS.gateway as readonly Operation[])
    .filter(({ headers }) => headers === idempotencyHeaders)
    .map((operation) => [`${operation.method} ${fastifyPath(operation.path)}`, operation]),
);

/** What a gateway that died has served is not known. */
const UNKNOWN: RequestOutcome = { state: 'unknown' };

export function addIdempotency(app: FastifyInstance, state: Omit<IdempotencyState, 'readOutcome'>): void {
  const claims = new WeakMap<object, { claim: Claim; secret: string; isAnonymous: boolean }>();

  app.addHook('preHandler', async (request, reply) => {
    const key = request.headers['idempotency-key'];
    const operation = OWN_ROUTES.get(`${request.method} ${request.routeOptions.url}`);
    if (typeof key !== 'string' || operation === undefined) return;
    checkKeyFormat(key);
    const subject = subjectOf(operation, request.body);
    // A repeat shows whether its password is that of the first request, so it is limited like a password check.
    if (subject !== null) await app.throttles.byUser(request, reply, subject);
    const { secret, ...named } = await identify(operation, request, subject, key);
    const begun = await beginNamed(state, { ...named, requestId: request.id }, async () => UNKNOWN);
    if ('claim' in begun) {
      claims.set(request, { claim: begun.claim, secret, isAnonymous: subject !== null });
      return;
    }
    const { replay } = begun;
    reply.code(replay.status).headers(replayHeaders(replay));
    return reply.send(decrypt(secret, replay.body));
  });

  app.addHook('onSend', async (request, reply, payload) => {
    const claimed = claims.get(request);
    if (claimed === undefined) return payload;
    claims.delete(request);
    const { claim, secret, isAnonymous } = claimed;
    const { statusCode: status } = reply;
    // A refused request may be repeated with the credential that it lacked.
    if (isAnonymous && status >= 400) {
      await conclude(state, claim, UNKNOWN);
      return payload;
    }
    const text = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : '';
    const response = {
      status,
      headers: {
        'content-type': String(reply.getHeader('content-type') ?? 'application/json'),
        'x-request-id': request.id,
      },
      body: encrypt(secret, Buffer.from(text)),
    };
    await conclude(state, claim, { state: 'done', response });
    return payload;
  });
}
