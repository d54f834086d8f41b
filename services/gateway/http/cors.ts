import type { ServiceApp } from '#libs/service/create-service.ts';

const METHODS = 'GET, POST, PUT, PATCH, DELETE';
const REQUEST_HEADERS = 'authorization, content-type, x-api-key, x-workspace-id, idempotency-key';
const ANSWER_HEADERS = [
  'idempotent-replayed',
  'ratelimit',
  'ratelimit-policy',
  'retry-after',
  'x-inkmeter-budget-state',
  'x-inkmeter-cost-usd',
  'x-inkmeter-degraded',
  'x-inkmeter-fitted-output-tokens',
  'x-inkmeter-plan',
  'x-inkmeter-tokens',
  'x-request-id',
].join(', ');
const PREFLIGHT_LIFETIME_SECONDS = 7200;
const ANY_ORIGIN = '*';

/**
 * Lets browsers call from the given origins, or from any with `*`. Cookies are never used, so credentials are not
 * allowed either: a page must hold a token to do anything.
 */
export function addCors(app: ServiceApp, allowedOrigins: readonly string[]): void {
  if (allowedOrigins.length === 0) return;
  const allowsAny = allowedOrigins.includes(ANY_ORIGIN);

  app.addHook('onRequest', (request, reply, done) => {
    if (!allowsAny) reply.header('vary', 'origin');
    const { origin } = request.headers;
    if (origin === undefined || !(allowsAny || allowedOrigins.includes(origin))) return done();
    reply.header('access-control-allow-origin', allowsAny ? ANY_ORIGIN : origin);
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) {
      reply.header('access-control-expose-headers', ANSWER_HEADERS);
      return done();
    }
    reply
      .code(204)
      .header('access-control-allow-methods', METHODS)
      .header('access-control-allow-headers', REQUEST_HEADERS)
      .header('access-control-max-age', PREFLIGHT_LIFETIME_SECONDS)
      .send();
  });
}
