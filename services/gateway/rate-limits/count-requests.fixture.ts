/** A process that counts requests of several clients as a gateway does, a few at a time, in an order of its own. */
import pg from 'pg';
import { createDatabase } from '#libs/db/database.ts';
import { createSharedCounters } from './domain/shared-counters.ts';
import { createLeaseBatch } from './lease-batch.ts';

const [url, text = ''] = process.argv.slice(2);
const { limits, requests } = JSON.parse(text) as { limits: number[]; requests: number };
const pool = new pg.Pool({ connectionString: url });
const counters = createSharedCounters({
  lease: createLeaseBatch(createDatabase(pool)),
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
await pool.end();
process.stdout.write(JSON.stringify(admitted));
