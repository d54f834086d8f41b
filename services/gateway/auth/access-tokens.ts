import jwt, { type FastifyJWTOptions } from '@fastify/jwt';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { problem } from '#libs/problems/problems.ts';
import type { Clock } from '#libs/service/runtime.ts';
import type { Session } from './domain.ts';
import type { SigningKey } from './signing-keys.ts';

export type AccessTokenOptions = {
  /** The first signs, all verify. */
  keys: readonly [SigningKey, ...SigningKey[]];
  issuer: string;
  audience: string;
  ttlMs: number;
};

/** Our own access tokens: short-lived JWTs that name a session. The user's rights are looked up. */
export type AccessTokens = {
  sign: (session: Session) => string;
  /** @throws ProblemError `invalid_token`, `token_expired` */
  verify: (token: string) => { session: Session; expiresAtMs: number };
};

const claims = z.object({
  sub: z.uuid(),
  account_id: z.uuid(),
  session_id: z.uuid(),
  exp: z.number(),
});
const header = z.object({ header: z.object({ kid: z.string() }) });

/** Registers @fastify/jwt; usable once the app is ready. */
export function createAccessTokens(
  app: FastifyInstance,
  clock: Clock,
  options: AccessTokenOptions,
): AccessTokens {
  const { keys, issuer, audience, ttlMs } = options;
  const [signing] = keys;
  const keysById = new Map(keys.map((key) => [key.kid, key]));
  const verifying = {
    allowedIss: issuer,
    allowedAud: audience,
    requiredClaims: ['iss', 'aud', 'sub', 'exp'],
    // Expiry is checked below with the injected clock, as it is for cached tokens.
    ignoreExpiration: true,
  };
  const jwtOptions: FastifyJWTOptions = {
    secret: { private: signing.privatePem, public: signing.publicPem },
    decode: { complete: true },
    sign: { algorithm: signing.algorithm, kid: signing.kid, iss: issuer, aud: audience },
    // The key determines the algorithm, never the token.
    verify: { ...verifying, algorithms: [signing.algorithm] },
  };
  void app.register(jwt, jwtOptions);

  function verifySignature(token: string): unknown {
    const { kid } = header.parse(app.jwt.decode(token)).header;
    const key = keysById.get(kid);
    if (key === undefined) throw new Error('No key has this kid.');
    return key === signing
      ? app.jwt.verify(token)
      : app.jwt.verify(token, { key: key.publicPem, algorithms: [key.algorithm] });
  }

  return {
    sign({ userId, accountId, sessionId }) {
      const issuedAt = Math.floor(clock.now().getTime() / 1000);
      return app.jwt.sign({
        sub: userId,
        account_id: accountId,
        session_id: sessionId,
        iat: issuedAt,
        exp: issuedAt + Math.floor(ttlMs / 1000),
      });
    },

    verify(token) {
      let payload: z.output<typeof claims>;
      try {
        payload = claims.parse(verifySignature(token));
      } catch (error) {
        throw problem('invalid_token', { cause: error });
      }
      const expiresAtMs = payload.exp * 1000;
      if (expiresAtMs <= clock.now().getTime()) throw problem('token_expired');
      return {
        session: { userId: payload.sub, accountId: payload.account_id, sessionId: payload.session_id },
        expiresAtMs,
      };
    },
  };
}
