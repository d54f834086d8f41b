/** Headers for browsers: security headers and CORS. */
import cors, { type FastifyCorsOptions } from '@fastify/cors';
import helmet, { type FastifyHelmetOptions } from '@fastify/helmet';
import Fastify, { type FastifyPluginAsync } from 'fastify';
import fp from 'fastify-plugin';
import { allowSessionTokens } from './session-cors.ts';

/** Response headers that scripts of an allowed origin can read. */
const EXPOSED_HEADERS = [
  'idempotent-replayed',
  'ratelimit',
  'ratelimit-policy',
  'retry-after',
  'x-inkmeter-budget-state',
  'x-inkmeter-cost-usd',
  'x-inkmeter-degraded',
  'x-inkmeter-fitted-output-tokens',
  'x-inkmeter-ignored',
  'x-inkmeter-model',
  'x-inkmeter-plan',
  'x-inkmeter-tokens',
  'x-request-id',
  'x-should-retry',
];

const PREFLIGHT_CACHE_SECONDS = 7200;

/**
 * CORS for the given origins, or for any with `*`. Credentials stay off: the API uses no cookies. Requested headers are
 * reflected, because SDKs send headers of their own (`x-stainless-*`).
 */
function corsOptions(origins: readonly string[]): FastifyCorsOptions {
  return {
    origin: [...origins],
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: PREFLIGHT_CACHE_SECONDS,
    strictPreflight: false,
  };
}

/** Headers for an API that browsers never render. */
const HELMET_OPTIONS: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  },
  referrerPolicy: { policy: 'no-referrer' },
  // TLS ends in front of the gateway, and so does its policy.
  strictTransportSecurity: false,
  // These protect rendered pages only, and each costs time on every response.
  crossOriginOpenerPolicy: false,
  crossOriginResourcePolicy: false,
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xFrameOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
};

export type BrowserHeadersOptions = {
  /** Origins that may call from a browser, or `*`; none switches CORS off. */
  corsOrigins: readonly string[];
};

/** Helmet's headers, which are the same for every response: it would compute them again for each one. */
async function securityHeaders(): Promise<Record<string, string>> {
  const probe = Fastify();
  await probe.register(helmet, HELMET_OPTIONS);
  probe.get('/', async (_request, reply) => reply.raw.getHeaders());
  const response = await probe.inject('/');
  await probe.close();
  return response.json();
}

/** Applies to every route of the app; a route that serves a page sets its own policy. */
export const browserHeadersPlugin = fp<BrowserHeadersOptions>(
  (async (app, { corsOrigins }) => {
    const headers = { ...(await securityHeaders()), 'cache-control': 'no-store' };
    app.addHook('onRequest', (_request, reply, done) => {
      reply.headers(headers);
      done();
    });
    allowSessionTokens(app, { corsOrigins, exposedHeaders: EXPOSED_HEADERS });
    if (corsOrigins.length > 0) await app.register(cors, corsOptions(corsOrigins));
  }) satisfies FastifyPluginAsync<BrowserHeadersOptions>,
  { name: 'browser-headers' },
);
