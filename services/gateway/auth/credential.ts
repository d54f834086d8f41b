import type { IncomingHttpHeaders } from 'node:http';
import { looksLikeApiKey } from '#libs/auth/api-key.ts';
import { problem } from '#libs/problems/problems.ts';

/** What a request presents to prove who sends it. */
export type Credential = { kind: 'api_key' | 'token'; text: string };

const API_KEY_HEADERS = ['x-api-key', 'api-key', 'x-goog-api-key'] as const;
const BEARER = /^Bearer +(\S+)$/i;

/**
 * An access token or API key after `Authorization: Bearer`, or an API key in `x-api-key` (as Anthropic's SDK sends it),
 * `api-key` (as Azure's) or `x-goog-api-key` (as Google's). Access tokens are JWTs; anything without a dot is taken for an API key.
 *
 * @throws ProblemError `unauthenticated` if there is neither, or something else in their place.
 * @param queryKey the API key in the URL, where a route accepts one.
 */
export function credentialOf(headers: IncomingHttpHeaders, queryKey?: unknown): Credential {
  const { authorization } = headers;
  const apiKey = API_KEY_HEADERS.map((name) => headers[name]).find((key) => key !== undefined) ?? queryKey;
  if (authorization !== undefined) {
    const [, text] = BEARER.exec(authorization) ?? [];
    if (text === undefined) {
      throw problem('unauthenticated', {
        detail: 'The Authorization header must read "Bearer <token or API key>".',
      });
    }
    return { kind: looksLikeApiKey(text) || !text.includes('.') ? 'api_key' : 'token', text };
  }
  if (typeof apiKey === 'string' && apiKey !== '') return { kind: 'api_key', text: apiKey };
  throw problem('unauthenticated');
}

export function hasCredential(headers: IncomingHttpHeaders): boolean {
  return headers.authorization !== undefined || API_KEY_HEADERS.some((name) => headers[name] !== undefined);
}
