import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { bootstrap, cataloguePathOf, defaultPricesPath } from '#deploy/local/bootstrap.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { runChecks, withSecretFiles } from './doctor.ts';
import { databaseChecks } from './doctor-checks.ts';
import { serviceChecks } from './doctor-service-checks.ts';

async function findings(checks: Parameters<typeof runChecks>[0]) {
  const lines: string[] = [];
  const count = await runChecks(checks, (line) => lines.push(line));
  return { ...count, lines, lineOf: (name: string) => lines.find((line) => line.slice(9).startsWith(name)) };
}

t.test('a database: first without data, then set up, then broken', async (t) => {
  const { url, pool } = await createTestDatabase(t);
  const empty = await findings(databaseChecks(pool));
  t.match(empty.lineOf('catalogue'), 'FAILED   catalogue and prices  no catalogue is active');
  t.match(empty.lineOf('notifications'), 'ok ');
  t.match(empty.lineOf('migrations'), /all \d+ are applied/);
  // the tests' server does not sync to disk
  t.match(empty.lineOf('durability'), 'off: fsync, full_page_writes');

  await bootstrap({
    databaseUrl: url,
    cataloguePath: cataloguePathOf('default'),
    pricesPath: defaultPricesPath,
    log: () => undefined,
  });
  t.match((await findings(databaseChecks(pool))).lineOf('catalogue'), /default .+ is active, \d+ models/);

  await pool.query(
    'DELETE FROM drizzle.__drizzle_migrations WHERE id = (SELECT max(id) FROM drizzle.__drizzle_migrations)',
  );
  const behind = await findings(databaseChecks(pool));
  t.match(behind.lineOf('migrations'), 'FAILED   migrations            not applied: ');
  t.equal(behind.failed, 2);
});

t.test('providers, mail and the spool', async (t) => {
  const { pool } = await createTestDatabase(t);
  const server = createServer((request, response) => {
    response.writeHead(request.headers.authorization === 'Bearer right' ? 200 : 401).end('{}');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => server.close());
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const env = {
    OPENAI_API_KEY: 'right',
    OPENAI_BASE_URL: base,
    MISTRAL_API_KEY: 'wrong',
    MISTRAL_BASE_URL: base,
    SMTP_URL: 'smtp://127.0.0.1:1',
    SPOOL_DIR: '/does/not/exist',
    VALKEY_URL: 'valkey://127.0.0.1:1',
    ...{ S3_BUCKET: 'files', S3_ENDPOINT: base, S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY: 'wrong' },
  };
  const { lineOf, lines } = await findings(serviceChecks(env, pool));
  t.match(lineOf('OpenAI'), 'ok       OpenAI                the key works');
  t.match(lineOf('Mistral'), 'FAILED   Mistral               it refuses the key (401)');
  t.match(lineOf('xAI'), '-        xAI                   its models cannot be called (XAI_API_KEY)');
  t.match(lineOf('mail'), 'FAILED   mail');
  t.match(lineOf('spool'), 'FAILED   spool                 /does/not/exist does not exist');
  t.match(lineOf('Stripe'), '-        Stripe');
  t.match(lineOf('Valkey'), /FAILED {3}Valkey .*ECONNREFUSED/);
  t.match(lineOf('stored files'), 'FAILED   stored files          The storage answered 401');
  t.notMatch(lines.join('\n'), /right|wrong/, 'no key is shown');
});

t.test('secrets may be in files', async (t) => {
  const folder = t.testdir({ key: 'from-file\n' });
  const row = { description: '', default: undefined, required: false, secret: true };
  const env = withSecretFiles({ OPENAI_API_KEY_FILE: `${folder}/key`, XAI_API_KEY: 'given' }, [
    {
      name: 'generation',
      rows: [
        { ...row, name: 'OPENAI_API_KEY' },
        { ...row, name: 'XAI_API_KEY' },
      ],
    },
  ]);
  t.match(env, { OPENAI_API_KEY: 'from-file', XAI_API_KEY: 'given' });
});
