import rateLimit, { type CreateRateLimitOptions } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { problem } from '#libs/problems/problems.ts';

export type RateLimits = {
  /** Requests a minute of one API key or person; 0 sets no limit. */
  perCaller: number;
  /** Sign-ins, sign-ups and refreshes a minute from one address; 0 sets no limit. */
  signInsPerAddress: number;
  /** Password checks for one person in five minutes; 0 sets no limit. */
  passwordsPerPerson: number;
};

/** Counts a request against a limit. @throws ProblemError `rate_limited` */
export type Throttle = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

export type Throttles = {
  bySource: Throttle;
  /** @param person whose password is tried: an email address, known or not, or a user id. */
  byPerson: (request: FastifyRequest, reply: FastifyReply, person: string) => Promise<void>;
};

declare module 'fastify' {
  interface FastifyInstance {
    throttles: Throttles;
  }
}

const MINUTE_MS = 60_000;
const PASSWORD_WINDOW_MS = 5 * MINUTE_MS;
/** Counters kept at most, for each limit; the least recently used is forgotten first. */
const MAX_COUNTERS = 50_000;
const PERSON = Symbol('person');

/**
 * Limits how often somebody calls, per process. Counters in memory are right for this: they protect the machine they
 * are on. What may be spent is the ledger's business.
 */
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

  type WithPerson = FastifyRequest & { [PERSON]?: string };
  const byPerson = createThrottle(
    'passwords',
    limits.passwordsPerPerson,
    PASSWORD_WINDOW_MS,
    (request) => (request as WithPerson)[PERSON] ?? '',
  );

  return {
    // Without a key of its own: by address, a whole /64 of IPv6 counting as one.
    bySource: createThrottle('sign-ins', limits.signInsPerAddress, MINUTE_MS),
    byPerson(request, reply, person) {
      (request as WithPerson)[PERSON] = person;
      return byPerson(request, reply);
    },
  };
}

/** Registered after authentication, whose callers it counts. */
export const rateLimitsPlugin = fp<RateLimits>(
  async (app, limits) => {
    app.decorate('throttles', await createThrottles(app, limits));
  },
  { name: 'rate-limits' },
);
