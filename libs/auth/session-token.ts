import { type ApiKey, type GeneratedApiKey, generateApiKey, parseApiKey } from './api-key.ts';

const PREFIX = 'ik_session_';
const KEY_PREFIX = 'ik_live_';

/** Whether a credential has the prefix of a session token. */
export function looksLikeSessionToken(text: string): boolean {
  return text.startsWith(PREFIX);
}

/** Generates a token: an API key under another prefix. */
export function generateSessionToken(): Pick<GeneratedApiKey, 'id' | 'secretHash' | 'text'> {
  const { id, secret, secretHash } = generateApiKey();
  return { id, secretHash, text: `${PREFIX}${id}_${secret}` };
}

/** Parses a token. Returns `null` if the text is not well-formed. */
export function parseSessionToken(text: string): ApiKey | null {
  return looksLikeSessionToken(text) ? parseApiKey(KEY_PREFIX + text.slice(PREFIX.length)) : null;
}
