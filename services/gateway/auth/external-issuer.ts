import { createRemoteJWKSet, customFetch, errors, type FetchImplementation, jwtVerify } from 'jose';
import { problem } from '#libs/problems/problems.ts';
import type { Clock } from '#libs/service/runtime.ts';

export type ExternalIssuerOptions = {
  /** The tokens' `iss`. */
  issuer: string;
  jwksUrl: string;
  audience: string;
};

export type ExternalIdentity = {
  issuer: string;
  subject: string;
  /** Only if the issuer says that it has verified the address. */
  email: string | null;
  name: string | null;
  expiresAtMs: number;
};

/** A login service of the operator whose access tokens are accepted in addition to our own. */
export type ExternalIssuer = {
  issuer: string;
  /** @throws ProblemError `invalid_token`, `token_expired`, `service_unavailable` (its keys cannot be read) */
  verify: (token: string) => Promise<ExternalIdentity>;
};

/** Asymmetric only: with a symmetric algorithm, every verifier could also sign. */
const ALGORITHMS = ['EdDSA', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'];
const CLOCK_TOLERANCE_SECONDS = 5;
const FETCH_TIMEOUT_MS = 3_000;
const KEYS_FRESH_FOR_MS = 10 * 60 * 1000;
/** An unknown key id causes a new fetch of the keys, at most this often. */
const REFETCH_AFTER_MS = 30_000;
const RETRY_AFTER_FAILURE_MS = 2_000;
const MAX_KEY_SET_BYTES = 256 * 1024;
const MAX_SUBJECT_CHARACTERS = 255;
const MAX_NAME_CHARACTERS = 120;
const MAX_EMAIL_CHARACTERS = 254;

export function createExternalIssuer(options: ExternalIssuerOptions, clock: Clock): ExternalIssuer {
  const { issuer, audience } = options;
  const keys = createRemoteJWKSet(new URL(options.jwksUrl), {
    timeoutDuration: FETCH_TIMEOUT_MS,
    cacheMaxAge: KEYS_FRESH_FOR_MS,
    cooldownDuration: REFETCH_AFTER_MS,
    [customFetch]: createKeyFetcher(clock),
  });

  return {
    issuer,
    async verify(token) {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: clock.now(),
        requiredClaims: ['sub', 'exp'],
      }).catch(refuse);
      const { sub: subject = '', exp = 0, email, email_verified: emailVerified, name } = payload;
      if (subject === '' || subject.length > MAX_SUBJECT_CHARACTERS) throw problem('invalid_token');
      return {
        issuer,
        subject,
        email: emailVerified === true ? plainText(email, MAX_EMAIL_CHARACTERS) : null,
        name: plainText(name, MAX_NAME_CHARACTERS),
        expiresAtMs: exp * 1000,
      };
    },
  };
}

function refuse(error: unknown): never {
  if (error instanceof errors.JWTExpired) throw problem('token_expired', { cause: error });
  // jose uses its generic code for a response that is not a key set; other errors come from the network.
  const isKeySetMissing =
    !(error instanceof errors.JOSEError) ||
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    error.code === errors.JOSEError.code;
  if (!isKeySetMissing) throw problem('invalid_token', { cause: error });
  throw problem('service_unavailable', {
    detail: 'The keys of the configured token issuer cannot be read right now.',
    headers: { 'retry-after': String(RETRY_AFTER_FAILURE_MS / 1000) },
    cause: error,
  });
}

/** Pauses after a failure, and limits the bytes read. */
function createKeyFetcher(clock: Clock): FetchImplementation {
  let failedUntilMs = 0;
  return async (url, options) => {
    if (clock.now().getTime() < failedUntilMs)
      throw new Error('The key set could not be fetched a moment ago.');
    try {
      const response = await fetch(url, options);
      if (response.status !== 200)
        throw new Error(`The request for the key set was answered with status ${response.status}.`);
      return new Response(await readAtMost(response, MAX_KEY_SET_BYTES));
    } catch (error) {
      failedUntilMs = clock.now().getTime() + RETRY_AFTER_FAILURE_MS;
      throw error;
    }
  };
}

async function readAtMost(response: Response, limitBytes: number): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > limitBytes) throw new Error(`The key set is longer than ${limitBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** A claim as text that a column can hold: no control characters, limited length. */
function plainText(claim: unknown, maxCharacters: number): string | null {
  if (typeof claim !== 'string') return null;
  const text = claim
    .replaceAll(/\p{Cc}/gu, '')
    .trim()
    .slice(0, maxCharacters);
  return text === '' ? null : text;
}
