import { z } from 'zod';
import { durationMs, httpUrl, integer, list } from '#libs/config/variables.ts';
import { backendVariables } from '#libs/service/backend-variables.ts';
import { serviceVariables, toServiceConfig } from '#libs/service/variables.ts';
import { signingKeys } from './auth/signing-keys.ts';

const DEFAULT_PORT = 8080;

/** Room for a large prompt or a few images inlined as data URLs. */
const DEFAULT_BODY_LIMIT = '2mb';

const service = serviceVariables(DEFAULT_PORT);

export const configSchema = z.object({
  ...service,
  BODY_LIMIT: service.BODY_LIMIT.unwrap()
    .prefault(DEFAULT_BODY_LIMIT)
    .describe('Largest request body accepted'),
  ...backendVariables(),

  JWT_KEYS: signingKeys()
    .meta({ secret: true })
    .describe(
      'JSON array of private JWKs (Ed25519 or P-256); the first signs access tokens, all are published and verify',
    ),
  JWT_ISSUER: z.string().min(1).prefault('https://inkmeter.local').describe('`iss` of our access tokens'),
  JWT_AUDIENCE: z.string().min(1).prefault('inkmeter').describe('`aud` of our access tokens'),
  ACCESS_TOKEN_TTL: durationMs().prefault('15m').describe('How long an access token is good for'),
  REFRESH_TOKEN_TTL: durationMs()
    .prefault('30d')
    .describe('How long a session lives without being refreshed'),

  OUTSIDE_ISSUER_URL: z
    .url()
    .optional()
    .describe('`iss` of a login of your own, whose access tokens are accepted as well'),
  OUTSIDE_ISSUER_JWKS_URL: httpUrl()
    .optional()
    .describe('Where its keys are; /.well-known/jwks.json below OUTSIDE_ISSUER_URL unless given'),
  OUTSIDE_ISSUER_AUDIENCE: z
    .string()
    .min(1)
    .optional()
    .describe('`aud` its tokens must carry; required with OUTSIDE_ISSUER_URL'),

  BILLING_URL: httpUrl().prefault('http://127.0.0.1:8081').describe('Where billing listens'),
  USAGE_METERING_URL: httpUrl().prefault('http://127.0.0.1:8082').describe('Where usage-metering listens'),
  GENERATION_URLS: list()
    .pipe(z.array(httpUrl()).min(1))
    .prefault('http://127.0.0.1:8083')
    .describe('Where the processes of generation listen, each by an address of its own, separated by commas'),

  HOLD_TTL: durationMs()
    .prefault('11m')
    .describe('How long a request may take at most; past it, what it holds is released'),

  RATE_LIMIT_PER_CALLER: integer({ min: 0 })
    .prefault('600')
    .describe('Requests a minute of one API key or person, per gateway process; 0 sets no limit'),
  RATE_LIMIT_SIGN_INS: integer({ min: 0 })
    .prefault('60')
    .describe('Sign-ups, sign-ins and refreshes a minute from one address; 0 sets no limit'),
  RATE_LIMIT_PASSWORDS: integer({ min: 0 })
    .prefault('10')
    .describe('Password checks for one person in five minutes; 0 sets no limit'),
  TRUST_PROXY: list()
    .prefault('')
    .describe('Addresses or networks of load balancers whose X-Forwarded-For is believed'),
  CORS_ORIGINS: list()
    .prefault('')
    .describe('Origins whose pages may call from a browser, or `*`; none unless given'),
});

export type GatewayVariables = z.output<typeof configSchema>;

/** The gateway's configuration, grouped by who needs it. */
export function toGatewayConfig(variables: GatewayVariables) {
  return {
    service: toServiceConfig(variables),
    accessTokens: {
      keys: variables.JWT_KEYS,
      issuer: variables.JWT_ISSUER,
      audience: variables.JWT_AUDIENCE,
      ttlMs: variables.ACCESS_TOKEN_TTL,
    },
    refreshTokenTtlMs: variables.REFRESH_TOKEN_TTL,
    externalIssuer: externalIssuer(variables),
    rateLimits: {
      perCaller: variables.RATE_LIMIT_PER_CALLER,
      signInsPerAddress: variables.RATE_LIMIT_SIGN_INS,
      passwordsPerPerson: variables.RATE_LIMIT_PASSWORDS,
    },
    trustProxy: variables.TRUST_PROXY,
    corsOrigins: variables.CORS_ORIGINS,
  };
}

export type GatewayConfig = ReturnType<typeof toGatewayConfig>;

/** @throws TypeError if an issuer is configured without the audience that its tokens are meant for. */
function externalIssuer(variables: GatewayVariables) {
  const { OUTSIDE_ISSUER_URL: issuer, OUTSIDE_ISSUER_AUDIENCE: audience } = variables;
  if (issuer === undefined) return null;
  if (audience === undefined)
    throw new TypeError('Set OUTSIDE_ISSUER_AUDIENCE: tokens for others must not be accepted');
  const jwksUrl = variables.OUTSIDE_ISSUER_JWKS_URL ?? `${issuer.replace(/\/$/, '')}/.well-known/jwks.json`;
  return { issuer, audience, jwksUrl };
}
