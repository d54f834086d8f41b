import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { ConfigError, describeConfig, loadConfig } from './config.ts';
import { loadDotEnv, processEnv } from './env.ts';
import { byteSize, durationMs, flag, httpUrl, integer, list, port } from './variables.ts';

const schema = z.object({
  PORT: port().prefault('8080').describe('Port of the public listener'),
  DATABASE_URL: z.url().describe('PostgreSQL to use').meta({ secret: true }),
  SIGNING_SECRET: z
    .string()
    .min(16)
    .meta({ secret: true, description: 'Signs tokens' })
    .default('development-only'),
  DRAIN: durationMs().prefault('5s').describe('How long to drain'),
  PRETTY: flag().optional().describe('Pretty logs'),
  ORIGINS: list().prefault('a, b').describe('Allowed origins'),
});

t.test('reads, converts and defaults', async (t) => {
  t.strictSame(loadConfig(schema, { DATABASE_URL: 'postgres://h/d', PRETTY: 'off', PORT: '', HOME: '/' }), {
    PORT: 8080,
    DATABASE_URL: 'postgres://h/d',
    SIGNING_SECRET: 'development-only',
    DRAIN: 5000,
    PRETTY: false,
    ORIGINS: ['a', 'b'],
  });
});

t.test('names each bad variable, and no secret', async (t) => {
  const thrown = (env: Record<string, string>) => {
    try {
      loadConfig(schema, env);
    } catch (error) {
      t.type(error, ConfigError);
      return String(error);
    }
    return '';
  };
  const message = thrown({ PORT: '70000', SIGNING_SECRET: 'hunter2', DRAIN: '5', PRETTY: 'maybe' });
  t.match(message, 'PORT="70000" is not valid');
  t.match(message, 'DATABASE_URL is not set: PostgreSQL to use');
  t.match(message, 'SIGNING_SECRET is not valid: Signs tokens');
  t.match(message, 'DRAIN="5" is not valid (must be a duration with its unit');
  t.match(message, 'PRETTY="maybe" is not valid');
  t.notMatch(message, 'hunter2');
  t.notMatch(thrown({ DATABASE_URL: 'user:hunter2@host' }), 'hunter2');
});

t.test('a secret may come from a file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'secrets-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'url');
  writeFileSync(file, 'postgres://h/from-file\n');
  const load = (env: Record<string, string>) => loadConfig(schema, env).DATABASE_URL;
  t.equal(load({ DATABASE_URL_FILE: file }), 'postgres://h/from-file');
  t.equal(load({ DATABASE_URL_FILE: '', DATABASE_URL: 'postgres://h/d' }), 'postgres://h/d');
  t.throws(() => load({ DATABASE_URL_FILE: file, DATABASE_URL: 'postgres://h/d' }), /not both/);
  t.throws(() => load({ DATABASE_URL_FILE: join(folder, 'absent') }), /DATABASE_URL_FILE: ENOENT/);
  t.throws(
    () => load({ DATABASE_URL: 'postgres://h/d', PORT_FILE: file, PORT: 'x' }),
    /PORT="x"/,
    'not a secret',
  );
});

t.test('describes itself', async (t) => {
  t.strictSame(describeConfig(schema), [
    {
      name: 'PORT',
      description: 'Port of the public listener',
      default: '8080',
      required: false,
      secret: false,
    },
    {
      name: 'DATABASE_URL',
      description: 'PostgreSQL to use',
      default: undefined,
      required: true,
      secret: true,
    },
    {
      name: 'SIGNING_SECRET',
      description: 'Signs tokens',
      default: undefined,
      required: false,
      secret: true,
    },
    { name: 'DRAIN', description: 'How long to drain', default: '5s', required: false, secret: false },
    { name: 'PRETTY', description: 'Pretty logs', default: undefined, required: false, secret: false },
    { name: 'ORIGINS', description: 'Allowed origins', default: 'a, b', required: false, secret: false },
  ]);
  t.throws(() => describeConfig(z.object({ NAMELESS: z.string() })), /NAMELESS has no description/);
});

t.test('kinds of variables', async (t) => {
  const cases: [z.ZodType, string, unknown][] = [
    [flag(), 'TRUE', true],
    [flag(), 'no', false],
    [flag(), 'enabled', undefined],
    [integer({ min: 1 }), '12', 12],
    [integer({ min: 1 }), '0', undefined],
    [integer(), '-3', -3],
    [integer(), '1.5', undefined],
    [integer(), '0x10', undefined],
    [port(), '0', 0],
    [port(), '65536', undefined],
    [durationMs(), '250ms', 250],
    [durationMs(), '1.5s', 1500],
    [durationMs(), '15m', 900_000],
    [durationMs(), '24h', 86_400_000],
    [durationMs(), '7d', 604_800_000],
    [durationMs(), '10', undefined],
    [durationMs(), '-1s', undefined],
    [byteSize(), '4096', 4096],
    [byteSize(), '64kb', 65_536],
    [byteSize(), '1MB', 1_048_576],
    [byteSize(), 'much', undefined],
    [list(), ' a,,b ', ['a', 'b']],
    [httpUrl(), 'http://localhost:8081/', 'http://localhost:8081'],
    [httpUrl(), 'ftp://x', undefined],
  ];
  for (const [kind, text, expected] of cases) t.strictSame(kind.safeParse(text).data, expected, text);
});

t.test('a .env file fills gaps only', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'config-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
    delete process.env.CONFIG_TEST_GIVEN;
    delete process.env.CONFIG_TEST_MISSING;
  });
  const file = join(folder, '.env');
  writeFileSync(file, 'CONFIG_TEST_GIVEN=file\nCONFIG_TEST_MISSING=file\n');
  process.env.CONFIG_TEST_GIVEN = 'shell';
  loadDotEnv(join(folder, 'absent'));
  loadDotEnv(file);
  t.match(processEnv(), { CONFIG_TEST_GIVEN: 'shell', CONFIG_TEST_MISSING: 'file' });
});
