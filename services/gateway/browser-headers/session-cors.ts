import type { FastifyInstance, FastifyRequest } from 'fastify';
import { looksLikeSessionToken } from '#libs/auth/session-token.ts';
import { OPERATIONS } from '../openapi/domain.ts';

const PREFLIGHT_CACHE_SECONDS = 7200;
const CREDENTIAL_HEADERS = /\b(authorization|x-api-key|api-key|x-goog-api-key)\b/i;

/** The paths of operations that accept session tokens. */
const SESSION_PATHS = OPERATIONS.metered.map(
  ({ path }) => new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}/?$`),
);

/**
 * Session tokens are for browsers of any site, and name their origins themselves: whether one may be used is decided once
 * it is known. A preflight shows no token, so every origin may send one to the operations that accept it; what the server
 * answers to other credentials, scripts of that origin cannot read. Configured origins are left to CORS.
 */
export function allowSessionTokens(
  app: FastifyInstance,
  { corsOrigins, exposedHeaders }: { corsOrigins: readonly string[]; exposedHeaders: readonly string[] },
): void {
  const exposed = exposedHeaders.join(', ');
  const isConfigured = (origin: string) => corsOrigins.includes('*') || corsOrigins.includes(origin);
  app.addHook('onRequest', (request, reply, done) => {
    const { origin } = request.headers;
    if (origin === undefined || isConfigured(origin)) return done();
    const isPreflight = isCredentialedPreflight(request);
    if (isPreflight || presentsSessionToken(request)) {
      reply.headers({ 'access-control-allow-origin': origin, vary: 'Origin' });
    }
    if (!isPreflight) {
      if (reply.hasHeader('access-control-allow-origin'))
        reply.header('access-control-expose-headers', exposed);
      return done();
    }
    reply
      .code(204)
      .headers({
        'access-control-allow-methods': 'POST',
        'access-control-allow-headers': request.headers['access-control-request-headers'] ?? '',
        'access-control-max-age': String(PREFLIGHT_CACHE_SECONDS),
      })
      .send();
  });
}

function isCredentialedPreflight({ method, headers, url }: FastifyRequest): boolean {
  const [path = ''] = url.split('?', 1);
  return (
    method === 'OPTIONS' &&
    SESSION_PATHS.some((pattern) => pattern.test(path)) &&
    headers['access-control-request-method'] === 'POST' &&
    CREDENTIAL_HEADERS.test(headers['access-control-request-headers'] ?? '')
  );
}

function presentsSessionToken({ headers }: FastifyRequest): boolean {
  const credentials = [headers['x-api-key'], headers['api-key'], headers['x-goog-api-key']];
  return [headers.authorization?.replace(/^Bearer +/i, ''), ...credentials].some(
    (text) => typeof text === 'string' && looksLikeSessionToken(text),
  );
}
