import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

/** Bitcoin's alphabet: no 0, O, I or l, so that a key read aloud or off a screen is unambiguous. */
const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const PREFIX = 'ik_live_';
const ID_LENGTH = 16;
const SECRET_LENGTH = 32;
const API_KEY = new RegExp(`^${PREFIX}([${BASE58}]{${ID_LENGTH}})_([${BASE58}]{${SECRET_LENGTH}})$`);

export type ApiKey = {
  /** Public name of the key, the column it is looked up by. */
  readonly id: string;
  /** The part that proves possession; 187 bits. Never stored, never logged. */
  readonly secret: string;
};

/** What is shown once and what is stored. */
export type GeneratedApiKey = ApiKey & {
  /** The whole key, for its owner's eyes. */
  readonly text: string;
  /** For lists: recognisable, and useless to a thief. */
  readonly displayPrefix: string;
  /** SHA-256 of the secret. */
  readonly secretHash: Buffer;
};

/** Makes a new key. `random` gives that many cryptographically strong bytes. */
export function generateApiKey(random: (length: number) => Buffer = randomBytes): GeneratedApiKey {
  const id = randomBase58(ID_LENGTH, random);
  const secret = randomBase58(SECRET_LENGTH, random);
  return {
    id,
    secret,
    text: `${PREFIX}${id}_${secret}`,
    displayPrefix: apiKeyDisplayPrefix(id),
    secretHash: hashApiKeySecret(secret),
  };
}

/** The first letters of a key, as lists show it. */
export function apiKeyDisplayPrefix(id: string): string {
  return `${PREFIX}${id.slice(0, 6)}`;
}

/** Whether a credential wants to be an API key, even a broken one; decides which error its sender sees. */
export function looksLikeApiKey(text: string): boolean {
  return text.startsWith('ik_');
}

/** Takes a key apart, or returns `null` for anything that cannot be one. */
export function parseApiKey(text: string): ApiKey | null {
  const [, id, secret] = API_KEY.exec(text) ?? [];
  return id === undefined || secret === undefined ? null : { id, secret };
}

/**
 * What is stored instead of the secret. One round of SHA-256 is enough: stretching protects what can be guessed, and
 * nobody guesses 187 random bits.
 */
export function hashApiKeySecret(secret: string): Buffer {
  // by way of a string, because a buffer of its own for each hash is dear, and this one comes from a pool
  return Buffer.from(hash('sha256', secret, 'hex'), 'hex');
}

/** Whether a secret is the stored one, in time that does not depend on how much of it is right. */
export function matchesApiKeySecret(secret: string, storedHash: Uint8Array): boolean {
  const given = hashApiKeySecret(secret);
  return given.length === storedHash.length && timingSafeEqual(given, storedHash);
}

function randomBase58(length: number, random: (length: number) => Buffer): string {
  // bytes from the last, incomplete run through the alphabet would favour its first letters
  const limit = 256 - (256 % BASE58.length);
  let text = '';
  while (text.length < length) {
    for (const byte of random(length)) {
      if (byte < limit && text.length < length) text += BASE58[byte % BASE58.length];
    }
  }
  return text;
}
