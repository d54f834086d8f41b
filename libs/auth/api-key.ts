import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

/** Bitcoin's alphabet: no 0, O, I or l, so that a key read aloud or off a screen is unambiguous. */
const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const PREFIX = 'ik_live_';
const ID_LENGTH = 16;
const SECRET_LENGTH = 32;
const API_KEY = new RegExp(`^${PREFIX}([${BASE58}]{${ID_LENGTH}})_([${BASE58}]{${SECRET_LENGTH}})$`);

export type ApiKey = {
  /** Public id of the key, used to look it up. */
  readonly id: string;
  /** The part that proves possession; 187 bits. Never stored, never logged. */
  readonly secret: string;
};

/** The text to show once, and the values to store. */
export type GeneratedApiKey = ApiKey & {
  /** The complete key, shown to its owner once. */
  readonly text: string;
  /** Identifies the key in lists; not secret. */
  readonly displayPrefix: string;
  /** SHA-256 of the secret. */
  readonly secretHash: Buffer;
};

/** Generates a key. `random` returns the given number of cryptographically strong bytes. */
export function generateApiKey(random: (length: number) => Buffer = randomBytes): GeneratedApiKey {
  return generateSecret(randomBase58(ID_LENGTH, random), random);
}

/** Generates a new secret of a known key. */
export function generateSecret(
  id: string,
  random: (length: number) => Buffer = randomBytes,
): GeneratedApiKey {
  const secret = randomBase58(SECRET_LENGTH, random);
  return {
    id,
    secret,
    text: `${PREFIX}${id}_${secret}`,
    displayPrefix: apiKeyDisplayPrefix(id),
    secretHash: hashApiKeySecret(secret),
  };
}

/** The prefix of a key that lists show. */
export function apiKeyDisplayPrefix(id: string): string {
  return `${PREFIX}${id.slice(0, 6)}`;
}

/** Whether a credential has the prefix of an API key. Decides which error the client receives. */
export function looksLikeApiKey(text: string): boolean {
  return text.startsWith('ik_');
}

/** Parses a key. Returns `null` if the text is not well-formed. */
export function parseApiKey(text: string): ApiKey | null {
  const [, id, secret] = API_KEY.exec(text) ?? [];
  return id === undefined || secret === undefined ? null : { id, secret };
}

/**
 * The hash stored instead of the secret. One round of SHA-256 is enough: key stretching protects guessable secrets,
 * and 187 random bits cannot be guessed.
 */
export function hashApiKeySecret(secret: string): Buffer {
  // Goes through a string: its buffer comes from Node's pool, which is cheaper than allocating one per hash.
  return Buffer.from(hash('sha256', secret, 'hex'), 'hex');
}

/** Compares a secret with the stored hash in constant time. */
export function matchesApiKeySecret(secret: string, storedHash: Uint8Array): boolean {
  const given = hashApiKeySecret(secret);
  return given.length === storedHash.length && timingSafeEqual(given, storedHash);
}

function randomBase58(length: number, random: (length: number) => Buffer): string {
  // Rejects bytes beyond the last multiple of 58, which would favour the first letters of the alphabet.
  const limit = 256 - (256 % BASE58.length);
  let text = '';
  while (text.length < length) {
    for (const byte of random(length)) {
      if (byte < limit && text.length < length) text += BASE58[byte % BASE58.length];
    }
  }
  return text;
}
