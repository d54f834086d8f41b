import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** AES-256-GCM. The result is nonce, authentication tag and ciphertext. */
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const TEXT_AT = NONCE_BYTES + TAG_BYTES;

export const ENCRYPTION_KEY_BYTES = 32;

/** @param context authenticated, not stored: decryption needs the same. */
export function encrypt(key: Buffer, text: Buffer, context = ''): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(context));
  const encrypted = Buffer.concat([cipher.update(text), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), encrypted]);
}

/** The inverse of {@link encrypt}. @throws Error for another key or context, and for bytes that were changed. */
export function decrypt(key: Buffer, stored: Buffer, context = ''): Buffer {
  const decipher = createDecipheriv(CIPHER, key, stored.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
    .setAAD(Buffer.from(context))
    .setAuthTag(stored.subarray(NONCE_BYTES, TEXT_AT));
  return Buffer.concat([decipher.update(stored.subarray(TEXT_AT)), decipher.final()]);
}
