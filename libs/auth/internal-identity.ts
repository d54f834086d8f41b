import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import {
  type Caller,
  type InternalContext,
  SERVICE_CALLER,
  type ServiceName,
} from '#libs/contracts/internal-context.ts';

/** A secret that `sender` and `receiver` share, and no other service has. */
export type InternalKey = {
  readonly sender: ServiceName;
  readonly receiver: ServiceName;
  readonly secret: string;
};

export type IdentityRequest = {
  readonly method: string;
  /** The request target: path and query as sent. */
  readonly path: string;
};

/** Signs the identity header of a request; the service itself is the caller unless another one is given. */
export type SignIdentity = (request: IdentityRequest, caller?: Caller) => string;

/** Why a header was rejected; for the log. Senders get the same response for all reasons. */
export type IdentityRejection =
  | 'malformed'
  | 'bad_signature'
  | 'expired'
  | 'other_request'
  | 'caller_not_allowed';

export type IdentityVerdict =
  | { readonly ok: true; readonly sender: ServiceName; readonly caller: Caller }
  | { readonly ok: false; readonly reason: IdentityRejection };

export type InternalIdentity = {
  /** @throws TypeError without a key for requests to this service. */
  readonly signFor: (receiver: ServiceName) => SignIdentity;
  /** Checks signature, expiry and the request it was signed for, not the shape of the caller: the signer is trusted. */
  readonly verify: (header: string, request: IdentityRequest) => IdentityVerdict;
};

/** Long enough for clock skew and for a queue at the receiver. */
const LIFETIME_SECONDS = 60;
/** One in use is valid for at least the other half of its life. */
const RENEWAL_MS = (LIFETIME_SECONDS / 2) * 1000;
/** A header that is valid for longer was not made by this code. */
const MAX_LIFETIME_MS = 120_000;
/** Bounds the memory of repeated headers, about 600 bytes each. */
const MAX_CACHE_ENTRIES = 4_096;
/** A SHA-256 in base64url. */
const SIGNATURE_LENGTH = 43;
/** A shorter key would be weaker than the hash. */
export const MIN_SECRET_LENGTH = 32;
/** Characters that JSON may contain and a header may not. */
const NOT_PRINTABLE = /[^\x20-\x7e]/;
const EACH_NOT_PRINTABLE = /[^\x20-\x7e]/g;

/**
 * Signs and verifies the identity of requests between services: `JSON.base64url(HMAC-SHA256)`, the JSON in printable
 * ASCII. It is a JWT without a header, because there is only one algorithm; the JSON is not base64-encoded, which would
 * take time on both sides.
 *
 * A header is valid for one receiver, method, path and caller, so it can be repeated: it is signed anew every half minute
 * instead of for every request, and a receiver verifies it once.
 *
 * @param options.keys those of this service. For each pair of services the first signs and all verify. To rotate,
 * add the new one at the end on both sides, then put it first, then remove the old one.
 * @param options.now returns the current time.
 */
export function createInternalIdentity(options: {
  readonly service: ServiceName;
  readonly keys: readonly InternalKey[];
  readonly now: () => Date;
}): InternalIdentity {
  const { service, keys, now } = options;
  for (const { sender, receiver, secret } of keys) {
    if (secret.length < MIN_SECRET_LENGTH) {
      throw new TypeError(
        `The key of ${sender}:${receiver} must have at least ${MIN_SECRET_LENGTH} characters`,
      );
    }
  }
  return {
    signFor: (receiver) => {
      const key = keys.find((one) => one.sender === service && one.receiver === receiver);
      if (key === undefined) throw new TypeError(`INTERNAL_KEYS has no key for ${service}:${receiver}`);
      return createSigner(key, now);
    },
    verify: createVerifier(
      keys.filter(({ receiver }) => receiver === service),
      now,
    ),
  };
}

function createSigner({ sender: iss, receiver: aud, secret }: InternalKey, now: () => Date): SignIdentity {
  const key = createSecretKey(secret, 'utf8');
  const signed = new Map<string, string>();
  let signedAtMs = 0;
  let exp = 0;
  return ({ method, path }, caller = SERVICE_CALLER) => {
    const nowMs = now().getTime();
    // A clock that was set back must not extend the life of a header.
    const isCurrent = nowMs >= signedAtMs && nowMs < signedAtMs + RENEWAL_MS;
    if (!isCurrent || signed.size >= MAX_CACHE_ENTRIES) {
      signed.clear();
      signedAtMs = nowMs;
      exp = Math.floor(nowMs / 1000) + LIFETIME_SECONDS;
    }
    const claims = JSON.stringify({ method, path, caller });
    const known = signed.get(claims);
    if (known !== undefined) return known;
    const context: InternalContext = { iss, aud, method, path, caller, exp };
    const body = toPrintable(JSON.stringify(context));
    const header = `${body}.${mac(key, body)}`;
    signed.set(claims, header);
    return header;
  };
}

function createVerifier(keys: readonly InternalKey[], now: () => Date): InternalIdentity['verify'] {
  const accepted = keys.map((key) => ({ ...key, secret: createSecretKey(key.secret, 'utf8') }));
  /** By the signed JSON; its signature is still compared. */
  const verified = new Map<string, { signature: Buffer; context: InternalContext }>();

  const read = (body: string, signature: Buffer): InternalContext | undefined => {
    const known = verified.get(body);
    if (known !== undefined && timingSafeEqual(known.signature, signature)) return known.context;
    const key = accepted.find(({ secret }) =>
      timingSafeEqual(Buffer.from(mac(secret, body), 'latin1'), signature),
    );
    if (key === undefined) return undefined;
    const context = JSON.parse(body) as InternalContext;
    // The same secret for two pairs must not let one sender pass for another.
    if (context.iss !== key.sender || context.aud !== key.receiver) return undefined;
    if (verified.size >= MAX_CACHE_ENTRIES) verified.clear();
    verified.set(body, { signature, context });
    return context;
  };

  return (header, { method, path }) => {
    const dot = header.length - SIGNATURE_LENGTH - 1;
    if (header[0] !== '{' || dot < 1 || header[dot] !== '.') return rejected('malformed');
    // Latin-1 has one byte per character, so both sides of the comparison have the same length.
    const context = read(header.slice(0, dot), Buffer.from(header.slice(dot + 1), 'latin1'));
    if (context === undefined) return rejected('bad_signature');
    const msLeft = context.exp * 1000 - now().getTime();
    // Also false for a missing or invalid expiry, because comparisons with NaN are false.
    if (!(msLeft > 0 && msLeft <= MAX_LIFETIME_MS)) return rejected('expired');
    if (context.method !== method || context.path !== path) return rejected('other_request');
    const { iss: sender, caller } = context;
    // Only the gateway authenticates users and keys.
    if (sender !== 'gateway' && caller.accountId !== SERVICE_CALLER.accountId) {
      return rejected('caller_not_allowed');
    }
    return { ok: true, sender, caller };
  };
}

function toPrintable(json: string): string {
  if (!NOT_PRINTABLE.test(json)) return json;
  // Non-ASCII characters occur only inside JSON strings, where they can be escaped.
  return json.replace(EACH_NOT_PRINTABLE, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function mac(key: KeyObject, body: string): string {
  return createHmac('sha256', key).update(body).digest('base64url');
}

function rejected(reason: IdentityRejection): { ok: false; reason: IdentityRejection } {
  return { ok: false, reason };
}
