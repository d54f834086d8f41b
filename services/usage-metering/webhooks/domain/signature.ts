/** Secrets and signatures of Standard Webhooks (https://www.standardwebhooks.com). */
import { createHmac, randomBytes } from 'node:crypto';
import type { SecretBox } from '#libs/auth/secret-box.ts';

const PREFIX = 'whsec_';
const SECRET_BYTES = 32;

export function newSecret(random: (length: number) => Buffer = randomBytes): string {
  return PREFIX + random(SECRET_BYTES).toString('base64');
}

type SealedSecrets = { id: string; secret: string; previousSecret: string | null };

/** What a secret of an endpoint is encrypted for. */
export const secretContext = (endpointId: string) => `webhook_endpoints ${endpointId}`;

/** The secrets that sign at a time, the present one first. */
export function signingSecrets(
  endpoint: SealedSecrets & { previousSecretUntil: Date | null },
  now: Date,
  secretBox: SecretBox,
): string[] {
  const { id, secret, previousSecret, previousSecretUntil } = endpoint;
  const overlaps = previousSecret !== null && previousSecretUntil !== null && previousSecretUntil > now;
  const stored = overlaps ? [secret, previousSecret] : [secret];
  return stored.map((text) => secretBox.open(text, secretContext(id)));
}

/** The same secrets, encrypted with the key in use. */
export function sealedAgain({ id, secret, previousSecret }: SealedSecrets, secretBox: SecretBox) {
  const context = secretContext(id);
  const again = (stored: string) => secretBox.seal(secretBox.open(stored, context), context);
  return { secret: again(secret), previousSecret: previousSecret === null ? null : again(previousSecret) };
}

/** The headers that let a receiver verify a message. */
export function signatureHeaders(
  message: { id: string; body: string; at: Date },
  secrets: readonly string[],
): Record<string, string> {
  const timestamp = Math.floor(message.at.getTime() / 1000).toString();
  const signed = `${message.id}.${timestamp}.${message.body}`;
  const signatures = secrets.map((secret) => `v1,${sign(secret, signed)}`);
  return {
    'webhook-id': message.id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}

function sign(secret: string, text: string): string {
  const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
  return createHmac('sha256', key).update(text).digest('base64');
}
