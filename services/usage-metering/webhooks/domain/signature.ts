/** The secrets of endpoints, encrypted in the database. */
import type { SecretBox } from '#libs/auth/secret-box.ts';

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
  const again = (stored: string) => secretBox.sealAgain(stored, context);
  return { secret: again(secret), previousSecret: previousSecret === null ? null : again(previousSecret) };
}
