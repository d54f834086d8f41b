import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { LRUCache } from 'lru-cache';
import type { Database } from '#libs/db/database.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { StreamSlots } from '#libs/service/stream-slots.ts';
import { isSharedMailDomain, mailDomainOf, normaliseEmail } from '../accounts/domain.ts';
import { limitConnections } from './connections.ts';
import { HOST, networkOf, SITE } from './domain/network.ts';
import { policyHeader, rateLimited } from './domain/rate-limited.ts';
import { createSharedCounters, type SharedCounters } from './domain/shared-counters.ts';
import { createLeaseBatch } from './lease-batch.ts';
import { createValkeyLeases, leaseWithFallback } from './valkey-leases.ts';

export type RateLimits = {
  /** Requests per minute of one user, or of all API keys of an account together; 0 for no limit. */
  perCaller: number;
  /** Sign-ins, sign-ups and refreshes per minute from one IP address; 0 for no limit. */
  signInsPerAddress: number;
  /** Password checks for one user from one IP address in five minutes; 0 for no limit. */
  passwordsPerUser: number;
  /** Sign-ups per hour from one network (/24 or /56); 0 for no limit, also not of a domain or mailbox. */
  signUpsPerNetwork: number;
  /** Sign-ups per hour with addresses of one domain, except those of public mail providers; 0 for no limit. */
  signUpsPerDomain: number;
  /** Open connections of one IP address; 0 for no limit. */
  connectionsPerAddress: number;
};

/** Counts a request under a key. @throws ProblemError `rate_limited` */
type Throttle = (request: FastifyRequest, reply: FastifyReply, key: string) => Promise<void>;

export type Throttles = {
  /**
   * Limits guesses of one user's password. Guesses of others, from other addresses, do not lock out a user whose address
   * has passed before.
   *
   * @param user whose password is checked: an email address, registered or not, or a user id.
   */
  byUser: Throttle;
  /** Notes that the source of the request has passed a check of the user's password. */
  recordPassed: (request: FastifyRequest, user: string) => void;
  /** Limits the mails that one mailbox gets on request. */
  byMail: (request: FastifyRequest, reply: FastifyReply, email: string) => Promise<void>;
  /** Limits sign-ups by network, domain and mailbox. */
  bySignUp: (request: FastifyRequest, reply: FastifyReply, email: string) => Promise<void>;
};

declare module 'fastify' {
  interface FastifyInstance {
    throttles: Throttles;
    sharedCounters: SharedCounters;
    takeStream: StreamSlots['take'];
  }
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const PASSWORD_WINDOW_MS = 5 * MINUTE_MS;
/** Guesses of one user's password from all addresses, as a multiple of those from one. */
const ALL_ADDRESSES_FACTOR = 10;
const SIGN_UPS_PER_MAILBOX = 5;
/** Remembered users and addresses; the least recently used is forgotten first. */
const MAX_PASSED = 50_000;

const hostOf = (request: FastifyRequest) => networkOf(request.ip, HOST);

function createThrottles(app: FastifyInstance, limits: RateLimits, counters: SharedCounters): Throttles {
  function createThrottle(name: string, max: number, windowMs: number): Throttle {
    if (max === 0) return async () => {};
    const policy = { name, max, windowMs };
    const header = policyHeader(policy);
    return async (_request, reply, key) => {
      const { isAllowed, remaining, resetMs } = await counters.count(policy, key);
      if (!isAllowed) throw rateLimited(policy, resetMs);
      reply.header('ratelimit-policy', header);
      reply.header('ratelimit', `"${name}";r=${remaining};t=${Math.max(1, Math.ceil(resetMs / 1000))}`);
    };
  }

  const byCaller = createThrottle('requests', limits.perCaller, MINUTE_MS);
  const bySource = createThrottle('sign-ins', limits.signInsPerAddress, MINUTE_MS);
  // Before the body is read: refusing a request must not cost more than counting it.
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404) return;
    const { auth, takesCredentials } = request.routeOptions.config;
    if (takesCredentials) await bySource(request, reply, hostOf(request));
    if (auth !== 'none') {
      const { userId, accountId } = request.caller;
      await byCaller(request, reply, userId ?? accountId);
    }
  });

  const fromOneSource = createThrottle('passwords', limits.passwordsPerUser, PASSWORD_WINDOW_MS);
  const fromAllSources = createThrottle(
    'passwords-all',
    limits.passwordsPerUser * ALL_ADDRESSES_FACTOR,
    PASSWORD_WINDOW_MS,
  );
  const passed = new LRUCache<string, true>({ max: MAX_PASSED });

  const byNetwork = createThrottle('sign-ups', limits.signUpsPerNetwork, HOUR_MS);
  const byDomain = createThrottle('sign-ups-domain', limits.signUpsPerDomain, HOUR_MS);
  const perMailbox = limits.signUpsPerNetwork === 0 ? 0 : SIGN_UPS_PER_MAILBOX;
  const byMailbox = createThrottle('sign-ups-mailbox', perMailbox, 24 * HOUR_MS);

  const mailsOf = createThrottle('mails', perMailbox, 24 * HOUR_MS);

  return {
    async byUser(request, reply, user) {
      const key = `${user} ${hostOf(request)}`;
      await fromOneSource(request, reply, key);
      if (!passed.has(key)) await fromAllSources(request, reply, user);
    },
    recordPassed(request, user) {
      passed.set(`${user} ${hostOf(request)}`, true);
    },
    byMail: (request, reply, email) => mailsOf(request, reply, normaliseEmail(email)),
    async bySignUp(request, reply, email) {
      await byNetwork(request, reply, networkOf(request.ip, SITE));
      await byMailbox(request, reply, normaliseEmail(email));
      const domain = mailDomainOf(email);
      if (!isSharedMailDomain(domain)) await byDomain(request, reply, domain);
    },
  };
}

export type RateLimitsOptions = {
  limits: RateLimits;
  database: Database;
  streamSlots: Pick<StreamSlots, 'take'>;
  logger: Logger;
  /** Where the processes share their counters; in the database without it, and while it is away. */
  valkeyUrl?: string | undefined;
};

/** Must be registered after authentication: it counts callers. */
export const rateLimitsPlugin = fp<RateLimitsOptions>(
  async (app, { limits, database, streamSlots, logger, valkeyUrl }) => {
    if (limits.connectionsPerAddress > 0) limitConnections(app.server, limits.connectionsPerAddress);
    const inDatabase = createLeaseBatch(database);
    const valkey = valkeyUrl === undefined ? undefined : createValkeyLeases(valkeyUrl, logger);
    if (valkey) {
      app.addHook('onReady', async () => void (await valkey.firstAttempt));
      app.addHook('onClose', async () => valkey.close());
    }
    const counters = createSharedCounters({
      lease: valkey ? leaseWithFallback(valkey.lease, inDatabase, logger) : inDatabase,
      nowMs: () => performance.now(),
      onError: (error) => logger.warn({ err: error }, 'request not counted'),
    });
    app.decorate('sharedCounters', counters);
    app.decorate('takeStream', streamSlots.take);
    app.decorate('throttles', createThrottles(app, limits, counters));
  },
  { name: 'rate-limits' },
);
