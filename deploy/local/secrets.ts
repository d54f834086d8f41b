import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { generateApiKey } from '#libs/auth/api-key.ts';

const randomText = () => randomBytes(32).toString('base64url');

/** How each secret is made. A later version may add some; those that exist are never changed. */
const generators = {
  postgresPassword: randomText,
  /** Of the roles that services connect to PostgreSQL as. */
  serviceDatabasePassword: randomText,
  /** Services sign what they tell each other with it. */
  internalSecret: randomText,
  /** A JSON array of the private JWKs that sign access tokens, which is how the gateway reads them. */
  jwtKeys: () => JSON.stringify([generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })]),
  /** Of the demo account, shown at every start. */
  demoApiKey: () => generateApiKey().text,
};

export type Secrets = Record<keyof typeof generators, string>;

function readFile(path: string): Partial<Secrets> {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Partial<Secrets>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new Error(
      `${path} cannot be read. Restore it: without it the database in the same folder cannot be opened.`,
      {
        cause: error,
      },
    );
  }
}

/**
 * The secrets of a local installation, made at the first start and kept in a file that only its owner can read.
 *
 * @throws Error when the file exists and is unreadable.
 */
export function readOrCreateSecrets(path: string): Secrets {
  const known = readFile(path);
  const missing = Object.entries(generators).filter(([name]) => known[name as keyof Secrets] === undefined);
  if (missing.length === 0) return known as Secrets;
  const secrets = { ...known, ...Object.fromEntries(missing.map(([name, generate]) => [name, generate()])) };
  writeFileSync(`${path}.new`, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return secrets as Secrets;
}
