/** Encrypts secrets that the database must be able to return, such as those that sign webhooks. */
import { hash } from 'node:crypto';
import { decrypt, encrypt } from './authenticated-encryption.ts';

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
  /** Encrypts with the first key what is in plain text, or was encrypted with another key. @throws Error as `open`. */
  readonly sealAgain: (stored: string, context: string) => string;
};

/** @param keys of `ENCRYPTION_KEY_BYTES` bytes. The first encrypts, all decrypt. @throws TypeError without a key. */
export function createSecretBox(keys: readonly Buffer[]): SecretBox {
  const byId = new Map(keys.map((key) => [idOf(key), key]));
  const [first] = keys;
  if (first === undefined) throw new TypeError('There is no encryption key.');
  const prefix = `${PREFIX}${idOf(first)}:`;
  const seal = (secret: string, context: string) =>
    prefix + encrypt(first, Buffer.from(secret), context).toString('base64url');
  const open = (stored: string, context: string) => {
    if (!stored.startsWith(PREFIX)) return stored;
    const [, id = '', text = ''] = stored.split(':');
    const key = byId.get(id);
    if (key === undefined) throw new Error(`A secret was encrypted with the key ${id}, which is not known.`);
    return decrypt(key, Buffer.from(text, 'base64url'), context).toString('utf8');
  };
  return { prefix, seal, open, sealAgain: (stored, context) => seal(open(stored, context), context) };
}

/** Says which key encrypted a text, and nothing else about it. */
const idOf = (key: Buffer) => hash('sha256', Buffer.concat([Buffer.from('key id '), key])).slice(0, 8);
