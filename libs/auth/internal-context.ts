import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';

/** The expiry that every signed context has. */
export type Expiring = {
  /** Unix time in seconds after which the context is rejected. */
  readonly exp: number;
};

/** Why a context was rejected; for the log. Callers get the same response for all reasons. */
export type ContextRejection = 'malformed' | 'bad_signature' | 'expired';

export type ContextVerdict<Payload extends Expiring> =
  | { readonly ok: true; readonly payload: Payload }
  | { readonly ok: false; readonly reason: ContextRejection };

export type ContextSigner = {
  /** @param payload must survive JSON: strings for money, no `bigint`. */
  readonly sign: <Payload extends Expiring>(payload: Payload) => string;
  /**
   * Checks signature and expiry, not the shape of the payload: the signer is a trusted service.
   */
  readonly verify: <Payload extends Expiring>(header: string) => ContextVerdict<Payload>;
};

/** A SHA-256 in base64url. */
const SIGNATURE_LENGTH = 43;
/** Characters that JSON may contain and a header may not. */
const NOT_PRINTABLE = /[^\x20-\x7e]/;
const EACH_NOT_PRINTABLE = /[^\x20-\x7e]/g;
/** A shorter key would be weaker than the hash. */
const MIN_SECRET_LENGTH = 32;

/**
 * Signs and verifies `JSON.base64url(HMAC-SHA256)`, the JSON in printable ASCII. It is a JWT
 * without a header, because there is only one algorithm. The JSON is not base64-encoded, which would take time on both
 * sides and a third more bytes.
 *
 * @param options.secrets the first one signs, all verify. To rotate, prepend a new secret everywhere and remove the old
 * one after the longest expiry.
 * @param options.now returns the current time.
 */
export function createContextSigner(options: {
  readonly secrets: readonly string[];
  readonly now: () => Date;
}): ContextSigner {
  const { secrets, now } = options;
  for (const secret of secrets) {
    if (secret.length < MIN_SECRET_LENGTH) {
      throw new TypeError(`An internal secret must have at least ${MIN_SECRET_LENGTH} characters`);
    }
  }
  /** The last verified header. A service sends the same identity for half a minute. */
  let verified: { header: Buffer; payload: Expiring } | undefined;
  const keys = secrets.map((secret) => createSecretKey(secret, 'utf8'));
  const [signingKey] = keys;
  if (signingKey === undefined) throw new TypeError('At least one internal secret is required');

  return {
    sign: (payload) => {
      const body = toPrintable(JSON.stringify(payload));
      return `${body}.${mac(signingKey, body)}`;
    },

    verify: <Payload extends Expiring>(header: string): ContextVerdict<Payload> => {
      const dot = header.length - SIGNATURE_LENGTH - 1;
      if (header[0] !== '{' || dot < 1 || header[dot] !== '.') return rejected('malformed');
      const body = header.slice(0, dot);
      const bytes = Buffer.from(header, 'latin1');
      if (verified === undefined || !isSame(verified.header, bytes)) {
        const signature = bytes.subarray(dot + 1);
        if (!keys.some((key) => timingSafeEqual(Buffer.from(mac(key, body), 'latin1'), signature))) {
          return rejected('bad_signature');
        }
        verified = { header: bytes, payload: JSON.parse(body) as Payload };
      }
      const payload = verified.payload as Payload;
      // Also true for a missing or invalid expiry, because comparisons with NaN are false.
      return payload.exp * 1000 > now().getTime() ? { ok: true, payload } : rejected('expired');
    },
  };
}

function isSame(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

function toPrintable(json: string): string {
  if (!NOT_PRINTABLE.test(json)) return json;
  // Non-ASCII characters occur only inside JSON strings, where they can be escaped.
  return json.replace(EACH_NOT_PRINTABLE, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function mac(key: KeyObject, body: string): string {
  return createHmac('sha256', key).update(body).digest('base64url');
}

function rejected(reason: ContextRejection): { ok: false; reason: ContextRejection } {
  return { ok: false, reason };
}
