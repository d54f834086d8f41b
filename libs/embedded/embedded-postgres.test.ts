import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import t from 'tap';
import { type EmbeddedPostgres, ensureDatabase, startEmbeddedPostgres } from './embedded-postgres.ts';
import { identify, isAlive } from './process-identity.ts';

/** Readable by its owner only, as `mktemp -d` creates it: the hardest place to run from as root. */
const folder = mkdtempSync(path.join(tmpdir(), 'embedded-postgres-'));
const options = { dataFolder: path.join(folder, 'data'), password: 'p@ss word/1', port: 0 };
const places = new Set<string>([folder]);
t.teardown(() => {
  for (const place of places) rmSync(place, { recursive: true, force: true });
});

async function start(
  more: Partial<Parameters<typeof startEmbeddedPostgres>[0]> = {},
): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ ...options, ...more });
  places.add(server.dataFolder);
  places.add(`${server.dataFolder}.lock`);
  t.teardown(() => server.stop());
  return server;
}

async function query(server: EmbeddedPostgres, text: string, database = 'shop'): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: server.url(database) });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query({ text, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end().catch(() => undefined);
  }
}

t.test('a cluster is created, kept over a stop, and durable', async (t) => {
  const first = await start();
  await ensureDatabase(first.url(), 'shop');
  await ensureDatabase(first.url(), 'shop');
  await query(first, 'create table kept (n int)');
  await query(first, 'insert into kept values (1)');
  t.strictSame(
    await query(
      first,
      `select setting from pg_settings
        where name in ('fsync', 'full_page_writes', 'synchronous_commit', 'data_checksums') order by name`,
    ),
    ['on', 'on', 'on', 'on'],
  );
  t.strictSame(await query(first, 'show log_error_verbosity'), ['terse'], 'no values are logged');
  t.strictSame(await query(first, `select current_setting('server_version_num')::int / 10000`), [18]);
  await t.rejects(start(), /already in use by process/, 'a second start names the holder of the data');
  await first.stop();
  await first.stop();
  t.notOk(isAlive({ pid: first.pid, startedAt: null }), 'the process is gone');

  const second = await start({ statementStatistics: true });
  t.strictSame(await query(second, 'select n from kept'), [1]);
  await query(second, 'create extension pg_stat_statements');
  await second.stop();
});

t.test('a killed server starts again with all committed data', async (t) => {
  for (let round = 1; round <= 3; round++) {
    const server = await start();
    await query(server, `insert into kept values (${round * 10})`);
    await server.kill();
    t.match(await server.exited, { signal: 'SIGKILL' });
  }
  const server = await start();
  t.strictSame(await query(server, 'select n from kept order by n'), [1, 10, 20, 30]);
  await server.stop();
});

t.test('files of a killed process do not stop the next start', async (t) => {
  const server = await start();
  await server.stop();
  // The recorded numbers now belong to other, unrelated programs.
  writeFileSync(`${server.dataFolder}.lock`, JSON.stringify({ ...identify(), startedAt: '1' }));
  writeFileSync(path.join(server.dataFolder, 'postmaster.pid'), `${process.pid}\n${server.dataFolder}\n`);
  const next = await start();
  t.strictSame(await query(next, 'select count(*)::int from kept'), [4]);
  await next.stop();
});

t.test('a taken port is an error that names it', async (t) => {
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
  t.teardown(() => squatter.close());
  const { port } = squatter.address() as { port: number };
  const refused = start({ port, portUse: 'embedded PostgreSQL, POSTGRES_PORT' });
  await t.rejects(refused, {
    message: `Port ${port} (embedded PostgreSQL, POSTGRES_PORT) is in use by another program. Stop that program or choose another port.`,
  });
});

t.test('a server that cannot start reports the reason', async (t) => {
  const logFile = path.join(folder, 'postgres.log');
  await t.rejects(start({ logFile, settings: { shared_buffers: 'plenty' } }), /shared_buffers/);
});
