import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';

/** What every signed context carries beside its payload. */
export type Expiring = {
  /** Unix seconds after which nobody accepts the context. */
  readonly exp: number;
};

/** Why a context was not accepted. All of them mean the same to the caller; the log may tell them apart. */
export type ContextRejection = 'malformed' | 'bad_signature' | 'expired';

export type ContextVerdict<Payload extends Expiring> =
  | { readonly ok: true; readonly payload: Payload }
  | { readonly ok: false; readonly reason: ContextRejection };

export type ContextSigner = {
  /** @param payload must survive JSON: strings for money, no `bigint`. */
  readonly sign: <Payload extends Expiring>(payload: Payload) => string;
  /**
   * Checks signature and expiry, not the shape: what a trusted service signed is taken as it is, unless the caller's
   * contract says otherwise.
   */
  readonly verify: <Payload extends Expiring>(header: string) => ContextVerdict<Payload>;
};

/** A SHA-256 in base64url. */
const SIGNATURE_LENGTH = 43;
/** What JSON may write and a header may not carry. */
const NOT_PRINTABLE = /[^\x20-\x7e]/;
const EACH_NOT_PRINTABLE = /[^\x20-\x7e]/g;
/** Shorter keys are weaker than the hash. */
const MIN_SECRET_LENGTH = 32;

/**
 * Signs and verifies `JSON.base64url(HMAC-SHA256)`, the JSON in printable ASCII. Like a JWT without its header: there is
 * one algorithm, so there is nothing to negotiate and nothing to confuse. Base64 around the JSON would cost both sides
 * time and a third more bytes on the way.
 *
 * @param options.secrets the first signs, all verify; so a secret is rotated by prepending the new one everywhere,
 * and dropping the old one after the longest expiry.
 * @param options.now the present, injected.
 */
export function createContextSigner(options: {
  readonly secrets: readonly string[];
  readonly now: () => Date;
}): ContextSigner {
  const { secrets, now } = options;
  for (const secret of secrets) {
    if (secret.length < MIN_SECRET_LENGTH) {
      throw new TypeError(`An internal secret needs at least ${MIN_SECRET_LENGTH} characters`);
    }
  }
  /** The last header that was verified: a service repeats its identity for half a minute. */
  let verified: { header: Buffer; payload: Expiring } | undefined;
  const keys = secrets.map((secret) => createSecretKey(secret, 'utf8'));
  const [signingKey] = keys;
  if (signingKey === undefined) throw new TypeError('At least one internal secret is needed');

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
      // written so that a missing or absurd expiry is an expired one
      return payload.exp * 1000 > now().getTime() ? { ok: true, payload } : rejected('expired');
    },
  };
}

function isSame(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

function toPrintable(json: string): string {
  if (!NOT_PRINTABLE.test(json)) return json;
  // outside ASCII, JSON has characters in its strings only, where they may be written as escapes
  return json.replace(EACH_NOT_PRINTABLE, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function mac(key: KeyObject, body: string): string {
  return createHmac('sha256', key).update(body).digest('base64url');
}

function rejected(reason: ContextRejection): { ok: false; reason: ContextRejection } {
  return { ok: false, reason };
}
