import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { generateApiKey } from '#libs/auth/api-key.ts';
import type { ServiceName } from '#libs/contracts/internal-context.ts';

/** Short enough to type. */
const randomPassword = () => randomBytes(12).toString('base64url');
const randomText = () => randomBytes(32).toString('base64url');

/** A value of `JWT_KEYS`: a JSON array with one private JWK. */
export const newJwtKeys = () =>
  JSON.stringify([generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })]);

/** The generator of each secret. A later version may add secrets; existing ones never change. */
const generators = {
  postgresPassword: randomText,
  /** The passwords of the services' database roles are derived from it. */
  serviceDatabasePassword: randomText,
  /** Signs requests between services. */
  internalSecret: randomText,
  /** Encrypts the secrets of customers in the database. */
  encryptionKey: randomText,
  /** Signs access tokens. */
  jwtKeys: newJwtKeys,
  /** Signs the deliveries of the simulated Stripe account. */
  stripeWebhookSecret: () => `whsec_${randomText()}`,
  /** API key of the demo account, shown at every start. */
  demoApiKey: () => generateApiKey().text,
  /** First passwords of the demo users, shown at every start. */
  demoOwnerPassword: randomPassword,
  demoMemberPassword: randomPassword,
  demoStaffPassword: randomPassword,
};

/** Each database role has a password of its own: a service cannot connect as another one. */
export function databasePasswordOf(service: ServiceName, secret: string): string {
  return createHmac('sha256', secret).update(service).digest('hex');
}

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
 * The secrets of a local installation, created at the first start in a file that only its owner can read.
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
