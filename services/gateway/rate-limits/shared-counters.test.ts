/** Rate limits over several gateway processes: real PostgreSQL, and processes that share nothing else. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { createDatabase } from '#libs/db/database.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { createSharedCounters, type Lease, type LeaseRequest } from './domain/shared-counters.ts';
import { createLeaseBatch } from './lease-batch.ts';
import { deleteEndedCounters, leaseRequests } from './store.ts';

const HOUR_MS = 3_600_000;
const WORKER = new URL('./count-requests.fixture.ts', import.meta.url).pathname;

/** Counts requests in a process of its own. @returns how many it admitted, for each limit. */
async function countInProcess(url: string, limits: readonly number[], requests: number): Promise<number[]> {
  const child = spawn(process.execPath, [WORKER, url, JSON.stringify({ limits, requests })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  await once(child, 'close');
  return JSON.parse(output);
}

t.test('given two processes that count the same clients, then together they admit the limit', async (t) => {
  const { url } = await createTestDatabase(t);
  const limits = [1, 2, 7, 20, 59, 100, 333, 600];
  const admitted = await Promise.all([countInProcess(url, limits, 400), countInProcess(url, limits, 400)]);
  for (const [index, limit] of limits.entries()) {
    const total = (admitted[0]?.[index] ?? 0) + (admitted[1]?.[index] ?? 0);
    t.ok(total <= limit, `${total} of ${limit}`);
    // What one process has leased and not used is lost to the other: at most a twentieth.
    t.ok(total >= Math.min(limit, 800) - Math.floor(limit / 20), `${total} of ${limit}`);
  }
});

t.test('given a window that has ended, then the next one starts from nothing', async (t) => {
  const { pool } = await createTestDatabase(t);
  const database = createDatabase(pool);
  const lease = async (max: number, asked = 3) =>
    (await leaseRequests(database, [{ key: 'a', asked, max, windowMs: HOUR_MS }])).get('a') as Lease;
  t.match(await lease(5), { granted: 3, remaining: 2 });
  t.match(await lease(5), { granted: 2, remaining: 0 });
  t.match(await lease(5), { granted: 0, remaining: 0 });
  t.match(await lease(6), { granted: 1, remaining: 0 }, 'a plan with more');
  t.match(await lease(2), { granted: 0, remaining: 0 }, 'a plan with less');
  t.equal(await deleteEndedCounters(database), 0);
  await pool.query(`UPDATE rate_limit_counters SET ends_at = now() - interval '1 ms'`);
  const fresh = await lease(5);
  t.match(fresh, { granted: 3, remaining: 2 });
  t.ok(fresh.leftMs > HOUR_MS - 60_000 && fresh.leftMs <= HOUR_MS);
  await pool.query(`UPDATE rate_limit_counters SET ends_at = now() - interval '1 ms'`);
  t.equal(await deleteEndedCounters(database), 1);
});

t.test(
  'given a busy client, then one statement leases many requests, and many clients one statement',
  async (t) => {
    const { pool } = await createTestDatabase(t);
    const asked: LeaseRequest[] = [];
    const batch = createLeaseBatch(createDatabase(pool));
    const counters = createSharedCounters({
      lease: (request) => {
        asked.push(request);
        return batch(request);
      },
      nowMs: () => performance.now(),
      onError: (error) => t.fail(String(error)),
    });
    const policy = { name: 'requests', max: 600, windowMs: HOUR_MS };
    for (let count = 0; count < 600; count += 1) {
      t.equal((await counters.count(policy, 'busy')).isAllowed, true);
    }
    t.equal((await counters.count(policy, 'busy')).isAllowed, false);
    t.ok(asked.length < 60, `${asked.length} leases`);
    const all = await Promise.all(
      Array.from({ length: 300 }, (_, index) => counters.count(policy, `client ${index % 30}`)),
    );
    t.ok(all.every(({ isAllowed }) => isAllowed));
  },
);

t.test('given a database that does not answer, then requests pass and the error is reported', async (t) => {
  const errors: unknown[] = [];
  const counters = createSharedCounters({
    lease: async () => {
      throw new Error('away');
    },
    nowMs: () => performance.now(),
    onError: (error) => errors.push(error),
  });
  t.match(await counters.count({ name: 'requests', max: 1, windowMs: 1000 }, 'a'), { isAllowed: true });
  t.match(errors, [{ message: 'away' }]);
});
