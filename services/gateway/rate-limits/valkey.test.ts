/** Rate limits in Valkey: a real server, where one is installed, and processes that share nothing else. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import Fastify from 'fastify';
import { Valkey } from 'iovalkey';
import t from 'tap';
import { createDatabase } from '#libs/db/database.ts';
import { findFreePort } from '#libs/embedded/ports.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import type { Lease } from './domain/shared-counters.ts';
import { rateLimitsPlugin } from './plugin.ts';
import { createValkeyLeases, leaseWithFallback } from './valkey-leases.ts';

const HOUR_MS = 3_600_000;
const WORKER = new URL('./count-requests.fixture.ts', import.meta.url).pathname;
/** Any server with the protocol and scripts; `.ci/run` installs one. */
const PROGRAM = ['valkey-server', 'redis-server'].find((name) => spawnSync(name, ['--version']).status === 0);
const skip = PROGRAM === undefined && 'no valkey-server or redis-server here';
const logger = createLogger({ name: 'test', level: 'silent' });
const NO_LIMITS = {
  perCaller: 0,
  signInsPerAddress: 0,
  passwordsPerUser: 0,
  signUpsPerNetwork: 0,
  signUpsPerDomain: 0,
  connectionsPerAddress: 0,
};
const NO_STREAMS = { take: async () => undefined };

async function startServer(port: number): Promise<ChildProcess> {
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const server = spawn(PROGRAM ?? '', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => server.kill('SIGKILL'));
  for await (const chunk of server.stdout) if (String(chunk).includes('Ready to accept connections')) break;
  return server;
}

async function connectLeases(url: string) {
  const leases = createValkeyLeases(url, logger);
  t.teardown(leases.close);
  await leases.firstAttempt;
  return leases;
}

t.test('a real server', { skip }, async (t) => {
  const port = await findFreePort();
  let server = await startServer(port);
  const url = `valkey://127.0.0.1:${port}`;
  const client = new Valkey(url);
  t.teardown(() => client.disconnect());

  await t.test('leases as the database does', async (t) => {
    const { lease: leaseRequests } = await connectLeases(url);
    const lease = (max: number, asked = 3): Promise<Lease> =>
      leaseRequests({ key: 'a', asked, max, windowMs: HOUR_MS });
    t.match(await lease(5), { granted: 3, remaining: 2 });
    t.match(await lease(5), { granted: 2, remaining: 0 });
    t.match(await lease(5), { granted: 0, remaining: 0 });
    t.match(await lease(6), { granted: 1, remaining: 0 }, 'a plan with more');
    t.match(await lease(2), { granted: 0, remaining: 0 }, 'a plan with less');
    await client.pexpire('inkmeter:rate-limit:a', 0);
    const fresh = await lease(5);
    t.match(fresh, { granted: 3, remaining: 2 }, 'the next window');
    t.ok(fresh.leftMs > HOUR_MS - 60_000 && fresh.leftMs <= HOUR_MS);
  });

  await t.test('two processes together admit the limit', async (t) => {
    const limits = [1, 2, 7, 20, 59, 100, 333, 600];
    const count = async (): Promise<number[]> => {
      const child = spawn(process.execPath, [WORKER, url, JSON.stringify({ limits, requests: 400 })], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      child.stdout.on('data', (chunk) => {
        output += chunk;
      });
      await once(child, 'close');
      return JSON.parse(output) as number[];
    };
    const [first = [], second = []] = await Promise.all([count(), count()]);
    for (const [index, limit] of limits.entries()) {
      const total = (first[index] ?? 0) + (second[index] ?? 0);
      t.ok(total <= limit && total >= Math.min(limit, 800) - Math.floor(limit / 20), `${total} of ${limit}`);
    }
  });

  await t.test('while it is away, the second source counts; then it counts again', async (t) => {
    const valkey = await connectLeases(url);
    let counted = 0;
    const second = async (): Promise<Lease> => {
      counted += 1;
      return { granted: 1, remaining: 0, leftMs: 1 };
    };
    const lines: string[] = [];
    const destination = new Writable({
      write: (chunk, _encoding, done) => {
        lines.push((JSON.parse(String(chunk)) as { msg: string }).msg);
        done();
      },
    });
    const observed = createLogger({ name: 'test', level: 'info', destination });
    const lease = leaseWithFallback(valkey.lease, second, observed);
    const request = { key: 'away', asked: 1, max: 9, windowMs: HOUR_MS };
    t.match(await lease(request), { granted: 1, remaining: 8 });
    server.kill('SIGKILL');
    await once(server, 'exit');
    t.match(await lease(request), { leftMs: 1 });
    await lease(request);
    t.equal(counted, 2);
    server = await startServer(port);
    while ((await lease(request)).leftMs === 1) await setImmediate();
    t.strictSame(lines, [
      'rate limits counted in postgresql: valkey failed',
      'rate limits counted in valkey again',
    ]);
  });

  await t.test('the gateway counts in it, and not in the database', async (t) => {
    const { pool } = await createTestDatabase(t);
    const app = Fastify();
    t.teardown(() => app.close());
    app.register(rateLimitsPlugin, {
      limits: NO_LIMITS,
      database: createDatabase(pool),
      streamSlots: NO_STREAMS,
      logger,
      valkeyUrl: url,
    });
    await app.ready();
    const policy = { name: 'requests', max: 2, windowMs: HOUR_MS };
    const results = [];
    for (let request = 0; request < 3; request += 1) {
      results.push((await app.sharedCounters.count(policy, 'busy')).isAllowed);
    }
    t.strictSame(results, [true, true, false]);
  });
});

t.test('without a server the gateway counts in the database', async (t) => {
  const { pool } = await createTestDatabase(t);
  const app = Fastify();
  t.teardown(() => app.close());
  const valkeyUrl = `valkey://127.0.0.1:${await findFreePort()}`;
  app.register(rateLimitsPlugin, {
    ...{ limits: NO_LIMITS, database: createDatabase(pool), streamSlots: NO_STREAMS, logger, valkeyUrl },
  });
  await app.ready();
  const policy = { name: 'requests', max: 1, windowMs: HOUR_MS };
  t.equal((await app.sharedCounters.count(policy, 'busy')).isAllowed, true);
  t.equal((await app.sharedCounters.count(policy, 'busy')).isAllowed, false);
  const { rows } = await pool.query('SELECT key, used FROM rate_limit_counters');
  t.strictSame(rows, [{ key: 'requests busy', used: 1 }]);
});
