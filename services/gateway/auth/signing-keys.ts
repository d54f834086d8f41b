import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { z } from 'zod';

export type SigningAlgorithm = 'EdDSA' | 'ES256';

/** A key pair that signs access tokens. */
export type SigningKey = {
  kid: string;
  algorithm: SigningAlgorithm;
  privatePem: string;
  publicPem: string;
  /** For `/.well-known/jwks.json`. */
  publicJwk: { kty: string; kid: string; alg: SigningAlgorithm; use: 'sig'; [parameter: string]: string };
};

const common = { d: z.string(), kid: z.string().min(1).max(100).optional() };
const privateJwk = z.discriminatedUnion('kty', [
  z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string(), ...common }),
  z.object({ kty: z.literal('EC'), crv: z.literal('P-256'), x: z.string(), y: z.string(), ...common }),
]);

/** A JSON array of private JWKs from the environment. Error messages never quote it. */
export function signingKeys() {
  return z.string().transform((text, context): [SigningKey, ...SigningKey[]] => {
    try {
      const [first, ...others] = z.array(privateJwk).parse(JSON.parse(text)).map(toSigningKey);
      if (
        first !== undefined &&
        new Set([first, ...others].map(({ kid }) => kid)).size === others.length + 1
      ) {
        return [first, ...others];
      }
    } catch {
      // Reported below without the parser's message, which may contain the key.
    }
    context.addIssue('must be a JSON array of private Ed25519 or P-256 JWKs with distinct kids');
    return z.NEVER;
  });
}

function toSigningKey({ kid: givenKid, ...jwk }: z.output<typeof privateJwk>): SigningKey {
  const privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
  const publicKey = createPublicKey(privateKey);
  const { d: _, ...parameters } = jwk;
  const kid = givenKid ?? thumbprint(parameters);
  const algorithm = jwk.kty === 'OKP' ? 'EdDSA' : 'ES256';
  return {
    kid,
    algorithm,
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    publicJwk: { ...parameters, kid, alg: algorithm, use: 'sig' },
  };
}

/** @see https://www.rfc-editor.org/rfc/rfc7638 */
function thumbprint(parameters: Record<string, string>): string {
  const canonical = Object.fromEntries(Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1)));
  return createHash('sha256').update(JSON.stringify(canonical)).digest('base64url');
}
