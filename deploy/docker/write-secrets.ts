/**
 * `npm run secrets -- <folder>`: writes the secrets of a new installation, one to a file, for Docker and Kubernetes to mount.
 * Files that exist are kept, so that a second run after an upgrade adds only what is new.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { internalKeysOf } from '#deploy/local/internal-keys.ts';
import { newJwtKeys } from '#deploy/local/secrets.ts';
import { SERVICE_NAMES, type ServiceName } from '#libs/contracts/internal-context.ts';
import { serviceRoles } from '#libs/db/roles.ts';
import { randomText } from './random-text.ts';
import { ROTATED, type RotatedName, type RotationStep, rotateSecret, STEPS } from './rotate-secrets.ts';

const OWNER = 'inkmeter_owner';

/** `host:port/database` of the server. */
export type SecretOptions = { database: string };

/**
 * Writes the missing files and returns their names.
 *
 * Containers read them as an ordinary user, so the files are readable and the folder is closed to others.
 */
export function writeSecrets(folder: string, { database }: SecretOptions): string[] {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const written: string[] = [];
  const keep = (name: string, create: () => string): string => {
    const file = path.join(folder, name);
    if (existsSync(file)) return readFileSync(file, 'utf8');
    const value = create();
    writeFileSync(file, value, { mode: 0o644 });
    written.push(name);
    return value;
  };
  const urlOf = (user: string, password: string) => `postgres://${user}:${password}@${database}`;

  const ownerPassword = keep('postgres-password', randomText);
  keep('database-url', () => urlOf(OWNER, ownerPassword));
  keep('jwt-keys', newJwtKeys);
  keep('encryption-keys', randomText);
  keep('grafana-password', randomText);
  // All entries of a pair derive from one secret, which no container gets.
  const internalSecret = keep('internal-secret', randomText);
  for (const service of SERVICE_NAMES satisfies readonly ServiceName[]) {
    keep(`database-url-${service}`, () => urlOf(serviceRoles[service], randomText()));
    keep(`internal-keys-${service}`, () => internalKeysOf(service, internalSecret));
  }
  return written;
}

const isOneOf = <Name extends string>(names: readonly Name[], name: string | undefined): name is Name =>
  names.some((one) => one === name);

/** @throws Error for an unknown name or step. */
function rotateNamed(folder: string, name: string, step: string | undefined): string {
  if (!isOneOf<RotatedName>(ROTATED, name)) throw new Error(`--rotate takes one of ${ROTATED.join(', ')}.`);
  if (!isOneOf<RotationStep>(STEPS, step)) throw new Error(`--step takes one of ${STEPS.join(', ')}.`);
  rotateSecret(folder, name, step);
  return `${name}: ${step} is done. Restart the services that read it, one at a time.`;
}

function write(folder: string, database: string): string {
  const written = writeSecrets(folder, { database });
  if (written.length === 0) return `All secrets exist in ${folder}.`;
  return `Wrote to ${folder}:\n${written.map((name) => `  ${name}`).join('\n')}\nKeep a copy outside this machine.`;
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { rotate: { type: 'string' }, step: { type: 'string' } },
  });
  const [folder = '.secrets', database = 'postgres:5432/inkmeter'] = positionals;
  try {
    console.log(values.rotate ? rotateNamed(folder, values.rotate, values.step) : write(folder, database));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
