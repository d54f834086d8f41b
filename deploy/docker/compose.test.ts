import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Ajv } from 'ajv';
import t from 'tap';
import { parse } from 'yaml';
import { type ConfigSchema, describeConfig, FILE_SUFFIX } from '#libs/config/config.ts';
import { SERVICE_NAMES } from '#libs/contracts/internal-context.ts';
import { configSchema as setUp } from './config.ts';
import { IMAGE_VARIABLES, LOCAL_VARIABLES, SERVICE_SCHEMAS } from './services.fixture.ts';
import { writeSecrets } from './write-secrets.ts';

type Service = {
  command: string[];
  environment?: Record<string, string>;
  secrets?: (string | { source: string; target: string })[];
};
type Compose = { services: Record<string, Service>; secrets: Record<string, { file: string }> };

const text = readFileSync('docker-compose.yml', 'utf8');
const compose = parse(text, { merge: true }) as Compose;

const SCHEMAS: Record<string, ConfigSchema> = {
  ...SERVICE_SCHEMAS,
  'set-up': setUp,
};

/** The schema of compose-spec, as dclint carries it. */
const published = JSON.parse(
  readFileSync('node_modules/dclint/schemas/compose.schema.json', 'utf8'),
) as object;

t.test('docker-compose.yml is valid by the published schema', async (t) => {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const validate = ajv.compile({ ...published, $schema: 'http://json-schema.org/draft-07/schema#' });
  t.ok(validate(compose), JSON.stringify(validate.errors));
  t.notOk(validate({ services: { gateway: { comand: [] } } }), 'the schema refuses a typing error');
});

for (const [name, schema] of Object.entries(SCHEMAS)) {
  t.test(`the environment of ${name} matches its schema`, async (t) => {
    const variables = describeConfig(schema);
    const environment = Object.keys(compose.services[name]?.environment ?? {});
    const isKnown = (variable: string) =>
      variables.some((row) => row.name === variable || (row.secret && row.name + FILE_SUFFIX === variable));
    t.strictSame(
      environment.filter((variable) => !isKnown(variable)),
      [],
    );
    const isSet = (variable: string) =>
      [variable, variable + FILE_SUFFIX].some((one) => environment.includes(one)) ||
      IMAGE_VARIABLES.includes(variable);
    t.strictSame(
      variables.map((row) => row.name).filter((one) => !isSet(one) && !LOCAL_VARIABLES.includes(one)),
      [],
      'every variable can be set',
    );
  });
}

t.test('each service gets its own secrets only, and npm run secrets writes them all', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'secrets-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const written = writeSecrets(folder, { database: 'postgres:5432/inkmeter' });
  t.strictSame(writeSecrets(folder, { database: 'elsewhere:5432/x' }), [], 'a second run changes nothing');
  for (const [name, { file }] of Object.entries(compose.secrets)) {
    t.equal(path.basename(file), name);
    t.ok(written.includes(name), name);
  }
  for (const name of SERVICE_NAMES) {
    const sources = (compose.services[name]?.secrets ?? []).map((one) =>
      typeof one === 'string' ? one : one.source,
    );
    const others = SERVICE_NAMES.filter((other) => other !== name);
    t.notOk(
      sources.some((source) => others.some((other) => source.endsWith(`-${other}`))),
      name,
    );
    t.notOk(
      sources.includes('internal-secret') || sources.includes('database-url'),
      `${name} is not the owner`,
    );
    t.ok(existsSync(compose.services[name]?.command[0] ?? ''), `the command of ${name} exists`);
  }
});

const hasCompose = spawnSync('docker', ['compose', 'version']).status === 0;
t.test('the docker client accepts it', { skip: !hasCompose && 'no docker compose here' }, async (t) => {
  t.doesNotThrow(() => execFileSync('docker', ['compose', 'config', '--quiet'], { stdio: 'pipe' }));
});
