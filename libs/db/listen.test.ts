import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import pg from 'pg';
import t from 'tap';
import { createTestDatabase } from '#libs/testing/database.ts';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { createListener } from './listen.ts';

/** Records values, and lets a test wait for the next one. */
function createRecorder<T>() {
  const values: T[] = [];
  const waiting: (() => void)[] = [];
  return {
    values,
    record: (value: T) => {
      values.push(value);
      for (const wake of waiting.splice(0)) wake();
    },
    atLeast: async (count: number) => {
      while (values.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
      return values;
    },
  };
}

const silence = () => {
  throw new Error('Unexpected notification.');
};

t.test('given two subscribers on one connection', async (t) => {
  const { url, pool } = await createTestDatabase(t);
  const listener = createListener({ connectionString: url, applicationName: 'listen-test' });
  t.teardown(() => listener.close());
  t.notOk(listener.isConnected());
  const keys = createRecorder<string>();
  const stops = createRecorder<string>();
  const endKeys = await listener.listen(
    ['keys'],
    (channel, text) => keys.record(`${channel} ${text}`),
    silence,
  );
  await listener.listen(['stops', 'keys'], (channel, text) => stops.record(`${channel} ${text}`), silence);
  t.ok(listener.isConnected());

  await pool.query(`select pg_notify('keys', 'k1'), pg_notify('stops', 's1')`);
  t.strictSame(await keys.atLeast(1), ['keys k1']);
  t.strictSame(await stops.atLeast(2), ['keys k1', 'stops s1']);

  endKeys();
  await pool.query(`select pg_notify('keys', 'k2')`);
  t.strictSame((await stops.atLeast(3)).at(-1), 'keys k2');
  t.strictSame(keys.values, ['keys k1'], 'an ended subscription receives nothing more');

  const sessions = await pool.query(`select from pg_stat_activity where application_name = 'listen-test'`);
  t.equal(sessions.rowCount, 1);
});

t.test('given a connection that breaks, subscribers learn of the gap and hear again', async (t) => {
  const { url, pool } = await createTestDatabase(t);
  const errors = createRecorder<Error>();
  const listener = createListener({
    connectionString: url,
    applicationName: 'listen-test',
    retryDelayMs: 1,
    onError: errors.record,
  });
  t.teardown(() => listener.close());
  const heard = createRecorder<string>();
  const gaps = createRecorder<boolean>();
  await listener.listen(
    ['keys'],
    (_, text) => heard.record(text),
    () => gaps.record(listener.isConnected()),
  );
  for (let round = 1; round <= 2; round++) {
    await pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'listen-test'
        and datname = current_database()`,
    );
    await gaps.atLeast(round);
    await pool.query(`select pg_notify('keys', $1)`, [`round ${round}`]);
    await heard.atLeast(round);
  }
  t.strictSame(heard.values, ['round 1', 'round 2']);
  t.strictSame(gaps.values, [true, true], 'called once notifications flow again');
  t.match((await errors.atLeast(2))[0], { code: '57P01' });
});

t.test('given a network that goes silent, the heartbeat notices', async (t) => {
  const { url } = await createTestDatabase(t);
  const direct = new URL(url);
  const sockets = new Set<Socket>();
  const proxy = createServer((inner) => {
    const outer = connect(Number(direct.port || 5432), direct.hostname);
    for (const socket of [inner, outer]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    inner.pipe(outer).pipe(inner);
  });
  const detour = new URL(url);
  detour.host = new URL(await listenServerOnFreePort(t, proxy)).host;
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  const errors = createRecorder<Error>();
  const listener = createListener({
    connectionString: detour.href,
    applicationName: 'listen-test',
    heartbeatMs: 100,
    retryDelayMs: 1,
    onError: errors.record,
  });
  t.teardown(() => listener.close());
  const gaps = createRecorder<string>();
  await listener.listen(['keys'], silence, () => gaps.record('gap'));
  for (const socket of sockets) socket.unpipe().pause();
  await errors.atLeast(1);
  await gaps.atLeast(1);
  t.ok(listener.isConnected());
});

t.test('given a listener that was closed, it stays closed', async (t) => {
  const { url, pool } = await createTestDatabase(t);
  const listener = createListener({
    connectionString: url,
    applicationName: 'listen-test',
    onError: silence,
  });
  await listener.listen(['keys'], silence, silence);
  await listener.close();
  t.notOk(listener.isConnected());
  await pool.query(`select pg_notify('keys', 'late')`);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await Promise.all([once(client, 'end'), client.end()]);
});

t.test('given no server, listening fails and says so', async (t) => {
  const listener = createListener({
    connectionString: 'postgres://unknown:x@127.0.0.1:1/none',
    applicationName: 'listen-test',
  });
  t.teardown(() => listener.close());
  await t.rejects(listener.listen(['keys'], silence, silence), { code: 'ECONNREFUSED' });
  t.notOk(listener.isConnected());
});
