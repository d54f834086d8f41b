import { once } from 'node:events';
import { Valkey } from 'iovalkey';
import type { Logger } from '#libs/service/logger.ts';
import type { Lease, LeaseRequest } from './domain/shared-counters.ts';

const KEY_PREFIX = 'inkmeter:rate-limit:';
/** A lease is on the path of a request, so a slow server counts as absent. */
const TIMEOUT_MS = 250;
const MAX_RECONNECT_DELAY_MS = 2_000;

/**
 * Atomic, because the server runs one script at a time. The window begins with its first lease and ends with its key; one
 * clock decides, the server's. A limit that was lowered below what is used grants nothing.
 */
const LEASE_SCRIPT = `
local asked, max, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
local granted = math.max(0, math.min(asked, max - used))
if granted > 0 then redis.call('INCRBY', KEYS[1], granted) end
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], window)
  left = window
end
return {granted, math.max(0, max - used - granted), left}`;

declare module 'iovalkey' {
  interface RedisCommander {
    leaseRequests(
      key: string,
      asked: number,
      max: number,
      windowMs: number,
    ): Promise<[number, number, number]>;
  }
}

export type ValkeyLeases = {
  /** Rejects within a quarter of a second when the server does not answer. */
  lease: (request: LeaseRequest) => Promise<Lease>;
  /** Resolves when the first attempt to connect has succeeded or failed. */
  firstAttempt: Promise<unknown>;
  close: () => void;
};

/** Shared counters in Valkey, or in any server with its protocol and scripts. It reconnects by itself. */
export function createValkeyLeases(url: string, logger: Logger): ValkeyLeases {
  const client = new Valkey(url, {
    keyPrefix: KEY_PREFIX,
    connectTimeout: 2_000,
    commandTimeout: TIMEOUT_MS,
    // While it is away, commands fail at once instead of waiting for it.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(attempt * 50, MAX_RECONNECT_DELAY_MS),
  });
  client.defineCommand('leaseRequests', { numberOfKeys: 1, lua: LEASE_SCRIPT });
  const firstAttempt = once(client, 'ready').catch(() => undefined);
  // Without a listener, a failed connection would be written to the console.
  client.on('error', (error) => logger.debug({ err: error }, 'valkey connection failed'));
  return {
    async lease({ key, asked, max, windowMs }) {
      const [granted, remaining, leftMs] = await client.leaseRequests(key, asked, max, windowMs);
      return { granted, remaining, leftMs };
    },
    firstAttempt,
    close: () => client.disconnect(),
  };
}

type LeaseSource = (request: LeaseRequest) => Promise<Lease>;

/**
 * Leases from the first source, and from the second while the first fails. The second counts from zero: over a window in
 * which the first failed, all processes together admit at most twice the limit.
 */
export function leaseWithFallback(first: LeaseSource, second: LeaseSource, logger: Logger): LeaseSource {
  let isFailing = false;
  return async (request) => {
    try {
      const lease = await first(request);
      if (isFailing) logger.info('rate limits counted in valkey again');
      isFailing = false;
      return lease;
    } catch (error) {
      if (!isFailing) logger.warn({ err: error }, 'rate limits counted in postgresql: valkey failed');
      isFailing = true;
      return second(request);
    }
  };
}
