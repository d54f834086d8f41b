import rateLimit, { type CreateRateLimitOptions } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { problem } from '#libs/problems/problems.ts';

export type RateLimits = {
  /** Requests per minute of one API key or user; 0 for no limit. */
  perCaller: number;
  /** Sign-ins, sign-ups and refreshes per minute from one IP address; 0 for no limit. */
  signInsPerAddress: number;
  /** Password checks for one user in five minutes; 0 for no limit. */
  passwordsPerUser: number;
};

/** Counts a request against a limit. @throws ProblemError `rate_limited` */
export type Throttle = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

export type Throttles = {
  /** By IP address; an IPv6 /64 network counts as one. */
  bySource: Throttle;
  /** @param user whose password is checked: an email address, registered or not, or a user id. */
  byUser: (request: FastifyRequest, reply: FastifyReply, user: string) => Promise<void>;
};

declare module 'fastify' {
  interface FastifyInstance {
    throttles: Throttles;
  }
}

const MINUTE_MS = 60_000;
const PASSWORD_WINDOW_MS = 5 * MINUTE_MS;
/** Counters in memory for each limit; the least recently used is dropped first. */
const MAX_COUNTERS = 50_000;
const LIMITED_USER = Symbol('limited user');

/** Counters are per process, in memory: they protect the machine. Spending is limited by the ledger. */
async function createThrottles(app: FastifyInstance, limits: RateLimits): Promise<Throttles> {
  await app.register(rateLimit, { global: false, cache: MAX_COUNTERS });

  function createThrottle(
    name: string,
    max: number,
    windowMs: number,
    keyGenerator?: (request: FastifyRequest) => string,
  ): Throttle {
    if (max === 0) return async () => {};
    const options: CreateRateLimitOptions = {
      max,
      timeWindow: windowMs,
      ...(keyGenerator && { keyGenerator }),
    };
    const count = app.createRateLimit(options);
    const policy = `"${name}";q=${max};w=${windowMs / 1000}`;
    return async (request, reply) => {
      const result = await count(request);
      if (result.isAllowed) return;
      reply.header('ratelimit-policy', policy);
      reply.header('ratelimit', `"${name}";r=${result.remaining};t=${result.ttlInSeconds}`);
      if (!result.isExceeded) return;
      throw problem('rate_limited', {
        fields: { policy: name, limit: max, window_seconds: windowMs / 1000 },
        headers: { 'retry-after': String(Math.max(1, result.ttlInSeconds)) },
      });
    };
  }

  const byCaller = createThrottle('requests', limits.perCaller, MINUTE_MS, (request) => {
    const { keyId, userId, accountId } = request.caller;
    return keyId ?? userId ?? accountId;
  });
  if (limits.perCaller > 0) {
    app.addHook('onRequest', async (request, reply) => {
      if (!request.is404 && request.routeOptions.config.auth !== 'none') await byCaller(request, reply);
    });
  }

  type WithUser = FastifyRequest & { [LIMITED_USER]?: string };
  const byUser = createThrottle(
    'passwords',
    limits.passwordsPerUser,
    PASSWORD_WINDOW_MS,
    (request) => (request as WithUser)[LIMITED_USER] ?? '',
  );

  return {
    bySource: createThrottle('sign-ins', limits.signInsPerAddress, MINUTE_MS),
    byUser(request, reply, user) {
      (request as WithUser)[LIMITED_USER] = user;
      return byUser(request, reply);
    },
  };
}

/** Must be registered after authentication: it counts callers. */
export const rateLimitsPlugin = fp<RateLimits>(
  async (app, limits) => {
    app.decorate('throttles', await createThrottles(app, limits));
  },
  { name: 'rate-limits' },
);
