/** Every way in which a service connects to PostgreSQL, over TLS, to a server that accepts nothing else. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { ensureDatabase, startEmbeddedPostgres } from '#libs/embedded/embedded-postgres.ts';
import { preparePostgres } from '#libs/embedded/postgres-binaries.ts';
import { createListener } from './listen.ts';
import { migrate } from './migrate.ts';
import { createPool } from './pool.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

t.test('PostgreSQL over TLS', { skip: !hasOpenssl && 'no openssl here' }, async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tls-'));
  // PostgreSQL runs as another user when the tests run as root.
  chmodSync(folder, 0o755);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const at = (name: string) => path.join(folder, name);
  const issue = (name: string) => {
    const args = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost';
    const files = [
      '-addext',
      'subjectAltName=DNS:localhost',
      '-keyout',
      at(`${name}.key`),
      '-out',
      at(`${name}.crt`),
    ];
    execFileSync('openssl', ['req', ...args.split(' '), ...files], { stdio: 'ignore' });
  };
  issue('server');
  issue('other');
  const dataFolder = at('postgres');
  const { runAs } = await preparePostgres(dataFolder);
  writeFileSync(at('pg_hba.conf'), 'hostssl all all 127.0.0.1/32 scram-sha-256\n');
  for (const file of ['server.key', 'pg_hba.conf']) {
    chmodSync(at(file), 0o600);
    if (runAs.uid !== undefined && runAs.gid !== undefined) chownSync(at(file), runAs.uid, runAs.gid);
  }
  const server = await startEmbeddedPostgres({
    dataFolder,
    password: 'secret',
    port: 0,
    durable: false,
    settings: {
      ssl: 'on',
      ssl_cert_file: at('server.crt'),
      ssl_key_file: at('server.key'),
      hba_file: at('pg_hba.conf'),
    },
  });
  t.teardown(() => server.stop('immediate'));
  const urlOf = (host: string, database: string, parameters: string) =>
    `postgres://postgres:secret@${host}:${server.port}/${database}${parameters}`;
  const verified = `?sslmode=verify-full&sslrootcert=${at('server.crt')}`;
  const url = urlOf('localhost', 'inkmeter', verified);
  await ensureDatabase(urlOf('localhost', 'postgres', verified), 'inkmeter');
  const open = (connectionString: string) => {
    const pool = createPool({
      connectionString,
      max: 1,
      applicationName: 'tls-test',
      statementTimeoutMs: 60_000,
    });
    t.teardown(() => pool.end());
    return pool;
  };

  await t.test('pools, migrations and notifications are encrypted', async (t) => {
    await migrate({ connectionString: url });
    const pool = open(url);
    const listener = createListener({ connectionString: url, applicationName: 'tls-test-listen' });
    t.teardown(() => listener.close());
    const received = new Promise<string>((resolve) => {
      void listener
        .listen(
          ['tls_test'],
          (_channel, payload) => resolve(payload),
          () => undefined,
        )
        .then(() => pool.query("SELECT pg_notify('tls_test', 'encrypted')"));
    });
    t.equal(await received, 'encrypted');
    const { rows } = await pool.query(
      `SELECT a.application_name AS name, s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
        WHERE a.application_name LIKE 'tls-test%' ORDER BY 1`,
    );
    t.strictSame(rows, [
      { name: 'tls-test', ssl: true },
      { name: 'tls-test-listen', ssl: true },
    ]);
  });

  await t.test('a connection that is not encrypted, or not to this server, is refused', async (t) => {
    const refusals: [string, RegExp][] = [
      [urlOf('localhost', 'inkmeter', ''), /no encryption/],
      [urlOf('localhost', 'inkmeter', '?sslmode=verify-full'), /self-signed certificate/],
      [urlOf('localhost', 'inkmeter', `?sslmode=verify-full&sslrootcert=${at('other.crt')}`), /certificate/],
      [urlOf('127.0.0.1', 'inkmeter', verified), /does not match certificate's altnames/],
    ];
    for (const [connectionString, reason] of refusals) {
      await t.rejects(open(connectionString).query('SELECT 1'), { message: reason });
    }
  });
});
