/** Encrypts secrets that the database must be able to return, such as those that sign webhooks. */
import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto';

export const ENCRYPTION_KEY_BYTES = 32;

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const PREFIX = 'sealed:';

export type SecretBox = {
  /** Begins every text that the first key has encrypted. */
  readonly prefix: string;
  /** @param context names the row: the text cannot be decrypted as that of another one. */
  readonly seal: (secret: string, context: string) => string;
  /**
   * @param stored what `seal` returned, or a secret from before secrets were encrypted.
   * @throws Error for another context, a text that was changed, or a key that is not known.
   */
  readonly open: (stored: string, context: string) => string;
};

/** @param keys of {@link ENCRYPTION_KEY_BYTES} bytes. The first encrypts, all decrypt. @throws TypeError without a key. */
export function createSecretBox(keys: readonly Buffer[]): SecretBox {
  const byId = new Map(keys.map((key) => [idOf(key), key]));
  const [first] = keys;
  if (first === undefined) throw new TypeError('There is no encryption key.');
  const prefix = `${PREFIX}${idOf(first)}:`;
  return {
    prefix,
    seal(secret, context) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, first, nonce).setAAD(Buffer.from(context));
      const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
      return prefix + Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64url');
    },
    open(stored, context) {
      if (!stored.startsWith(PREFIX)) return stored;
      const [, id = '', text = ''] = stored.split(':');
      const key = byId.get(id);
      if (key === undefined)
        throw new Error(`A secret was encrypted with the key ${id}, which is not known.`);
      const bytes = Buffer.from(text, 'base64url');
      const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      })
        .setAAD(Buffer.from(context))
        .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      const encrypted = bytes.subarray(NONCE_BYTES + TAG_BYTES);
      return Buffer.concat([decipher.update(encrypted), decipher.final()]).toString('utf8');
    },
  };
}

/** Says which key encrypted a text, and nothing else about it. */
const idOf = (key: Buffer) => hash('sha256', Buffer.concat([Buffer.from('key id '), key])).slice(0, 8);
