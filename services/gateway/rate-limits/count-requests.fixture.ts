/** A process that counts requests of several clients as a gateway does, a few at a time, in an order of its own. */
import pg from 'pg';
import { createDatabase } from '#libs/db/database.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createSharedCounters } from './domain/shared-counters.ts';
import { createLeaseBatch } from './lease-batch.ts';
import { createValkeyLeases } from './valkey-leases.ts';

const [url = '', text = ''] = process.argv.slice(2);
const { limits, requests } = JSON.parse(text) as { limits: number[]; requests: number };
/** Counters in the database or in Valkey, by the URL. */
const open = async () => {
  if (url.startsWith('valkey:')) {
    const leases = createValkeyLeases(url, createLogger({ name: 'test', level: 'silent' }));
    await leases.firstAttempt;
    return leases;
  }
  const pool = new pg.Pool({ connectionString: url });
  return { lease: createLeaseBatch(createDatabase(pool)), close: () => pool.end() };
};
const { lease, close } = await open();
const counters = createSharedCounters({
  lease,
  nowMs: () => performance.now(),
  onError: (error) => {
    throw error;
  },
});
const admitted = limits.map(() => 0);
const left = limits.map(() => requests);
while (left.some((count) => count > 0)) {
  await Promise.all(
    limits.map(async (max, index) => {
      const count = Math.min(left[index] ?? 0, 1 + Math.floor(Math.random() * 8));
      left[index] = (left[index] ?? 0) - count;
      const policy = { name: 'test', max, windowMs: 3_600_000 };
      const counted = await Promise.all(
        Array.from({ length: count }, () => counters.count(policy, `client ${index}`)),
      );
      admitted[index] = (admitted[index] ?? 0) + counted.filter(({ isAllowed }) => isAllowed).length;
    }),
  );
}
await close();
process.stdout.write(JSON.stringify(admitted));
