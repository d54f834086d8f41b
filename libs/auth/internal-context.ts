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

const SIGNATURE_BYTES = 32;
const SIGNATURE_LENGTH = 43;
/** Shorter keys are weaker than the hash. */
const MIN_SECRET_LENGTH = 32;

/**
 * Signs and verifies `base64url(JSON).base64url(HMAC-SHA256)`. Like a JWT without its header: there is one algorithm,
 * so there is nothing to negotiate and nothing to confuse.
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
  const keys = secrets.map((secret) => createSecretKey(secret, 'utf8'));
  const [signingKey] = keys;
  if (signingKey === undefined) throw new TypeError('At least one internal secret is needed');

  return {
    sign: (payload) => {
      const body = Buffer.from(JSON.stringify(payload), 'utf8').toString('base64url');
      return `${body}.${mac(signingKey, body).toString('base64url')}`;
    },

    verify: <Payload extends Expiring>(header: string): ContextVerdict<Payload> => {
      const dot = header.length - SIGNATURE_LENGTH - 1;
      if (dot < 1 || header.charCodeAt(dot) !== 0x2e) return rejected('malformed');
      const body = header.slice(0, dot);
      const signature = Buffer.from(header.slice(dot + 1), 'base64url');
      if (signature.length !== SIGNATURE_BYTES) return rejected('malformed');
      if (!keys.some((key) => timingSafeEqual(mac(key, body), signature))) return rejected('bad_signature');

      const payload = JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as Payload;
      // written so that a missing or absurd expiry is an expired one
      return payload.exp * 1000 > now().getTime() ? { ok: true, payload } : rejected('expired');
    },
  };
}

function mac(key: KeyObject, body: string): Buffer {
  return createHmac('sha256', key).update(body, 'latin1').digest();
}

function rejected(reason: ContextRejection): { ok: false; reason: ContextRejection } {
  return { ok: false, reason };
}
