import { z } from 'zod';
import { byteSize, durationMs, httpUrl, integer, list } from '#libs/config/variables.ts';
import { SEARCH_PROVIDERS } from '#libs/contracts/search.ts';
import { backendVariables } from '#libs/service/backend-variables.ts';
import { serviceVariables, toServiceConfig } from '#libs/service/variables.ts';
import { signingKeys } from './auth/signing-keys.ts';

const DEFAULT_PORT = 8080;

/** For routes that take no images; those have a limit of their own. */
const DEFAULT_BODY_LIMIT = '2mb';

const service = serviceVariables(DEFAULT_PORT);

export const configSchema = z.object({
  ...service,
  BODY_LIMIT: service.BODY_LIMIT.unwrap()
    .prefault(DEFAULT_BODY_LIMIT)
    .describe('Largest request body accepted'),
  MEDIA_BODY_BUDGET: byteSize()
    .prefault('128mb')
    .describe(
      'Most bytes of large request bodies (up to 32 MB each) in memory at a time; more wait for up to ten seconds. As many may be of images and documents that requests have as URLs',
    ),
  UPLOAD_BUDGET: byteSize()
    .prefault('1gb')
    .describe(
      'Most bytes of uploaded recordings (up to 25 MB each) in the temporary folder at a time; more wait for up to ten seconds',
    ),
  ...backendVariables(),

  JWT_KEYS: signingKeys()
    .meta({ secret: true })
    .describe(
      'JSON array of private JWKs (Ed25519 or P-256); the first signs access tokens, all are published and verify',
    ),
  JWT_ISSUER: z.string().min(1).prefault('https://inkmeter.local').describe('`iss` of our access tokens'),
  JWT_AUDIENCE: z.string().min(1).prefault('inkmeter').describe('`aud` of our access tokens'),
  ACCESS_TOKEN_TTL: durationMs().prefault('15m').describe('Lifetime of an access token'),
  REFRESH_TOKEN_TTL: durationMs().prefault('30d').describe('Lifetime of a session that is not refreshed'),

  EMAIL_VERIFICATION: z
    .enum(['required', 'off'])
    .prefault('required')
    .describe('`required` lets users sign in only after a mail has verified their address; `off` at once'),
  SMTP_URL: z
    .string()
    .regex(/^(smtps?|http):\/\/./, 'must begin with smtp:// or smtps://')
    .optional()
    .meta({ secret: true })
    .describe(
      'Mail server, smtp://user:password@host:587 or smtps://…; required with EMAIL_VERIFICATION=required',
    ),
  MAIL_FROM: z.string().min(3).prefault('Inkmeter <no-reply@localhost>').describe('Sender of the mails'),
  APP_URL: httpUrl()
    .prefault('http://127.0.0.1:8080')
    .describe('Your frontend; mails link to /verify-email and /reset-password below it, with ?token='),

  EXTERNAL_ISSUER_URL: z
    .url()
    .optional()
    .describe('`iss` of an external issuer whose access tokens are also accepted'),
  EXTERNAL_ISSUER_JWKS_URL: httpUrl()
    .optional()
    .describe('URL of its keys; by default /.well-known/jwks.json below EXTERNAL_ISSUER_URL'),
  EXTERNAL_ISSUER_AUDIENCE: z
    .string()
    .min(1)
    .optional()
    .describe('`aud` that its tokens must have; required with EXTERNAL_ISSUER_URL'),

  SEARCH_PROVIDERS: list()
    .pipe(z.array(z.enum(SEARCH_PROVIDERS)))
    .prefault(SEARCH_PROVIDERS.join(','))
    .describe('Search providers in use, the preferred first; generation needs a key for each'),

  BILLING_URL: httpUrl().prefault('http://127.0.0.1:8081').describe('URL of billing'),
  USAGE_METERING_URL: httpUrl().prefault('http://127.0.0.1:8082').describe('URL of usage-metering'),
  GENERATION_URLS: list()
    .pipe(z.array(httpUrl()).min(1))
    .prefault('http://127.0.0.1:8083')
    .describe('URLs of the generation processes, one for each process, separated by commas'),

  HOLD_TTL: durationMs()
    .prefault('11m')
    .describe('Longest duration of a request; after it, the hold of the request expires'),

  RATE_LIMIT_PER_CALLER: integer({ min: 0 })
    .prefault('600')
    .describe('Requests per minute of one user, or of all API keys of an account together; 0 for no limit'),
  RATE_LIMIT_SIGN_INS: integer({ min: 0 })
    .prefault('60')
    .describe('Sign-ups, sign-ins and refreshes per minute from one IP address; 0 for no limit'),
  RATE_LIMIT_PASSWORDS: integer({ min: 0 })
    .prefault('10')
    .describe('Password checks for one user from one IP address in five minutes; 0 for no limit'),
  RATE_LIMIT_SIGN_UPS: integer({ min: 0 })
    .prefault('20')
    .describe('Sign-ups per hour from one network (IPv4 /24, IPv6 /56); 0 for no limit'),
  RATE_LIMIT_SIGN_UPS_PER_DOMAIN: integer({ min: 0 })
    .prefault('100')
    .describe('Sign-ups per hour with one mail domain, except those of public providers; 0 for no limit'),
  VALKEY_URL: z
    .string()
    .regex(/^(valkey|redis)s?:\/\/./, 'must begin with valkey:// or valkeys://')
    .optional()
    .meta({ secret: true })
    .describe(
      'Valkey or Redis in which the gateways share the counters of rate limits, valkey://:password@host:6379 or valkeys://…; in PostgreSQL without it',
    ),
  MAX_CONNECTIONS_PER_ADDRESS: integer({ min: 0 })
    .prefault('2000')
    .describe(
      'Maximum number of simultaneous connections from one IP address; not applied with TRUST_PROXY, 0 sets no limit',
    ),
  TRUST_PROXY: list()
    .prefault('')
    .describe('Addresses or networks of load balancers whose X-Forwarded-For is trusted'),
  CORS_ORIGINS: list()
    .prefault('')
    .describe('Origins that may call from a browser (CORS), separated by commas, or `*`; none by default'),
});

export type GatewayVariables = z.output<typeof configSchema>;

/** The gateway's configuration, grouped by feature. */
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
    requiresVerification: requiresVerification(variables),
    mail: { smtpUrl: variables.SMTP_URL, from: variables.MAIL_FROM, appUrl: variables.APP_URL },
    rateLimits: {
      perCaller: variables.RATE_LIMIT_PER_CALLER,
      signInsPerAddress: variables.RATE_LIMIT_SIGN_INS,
      passwordsPerUser: variables.RATE_LIMIT_PASSWORDS,
      signUpsPerNetwork: variables.RATE_LIMIT_SIGN_UPS,
      signUpsPerDomain: variables.RATE_LIMIT_SIGN_UPS_PER_DOMAIN,
      // Behind load balancers, all connections have their addresses.
      connectionsPerAddress: variables.TRUST_PROXY.length > 0 ? 0 : variables.MAX_CONNECTIONS_PER_ADDRESS,
    },
    valkeyUrl: variables.VALKEY_URL,
    mediaBodyBudgetBytes: variables.MEDIA_BODY_BUDGET,
    uploadBudgetBytes: variables.UPLOAD_BUDGET,
    searchProviders: variables.SEARCH_PROVIDERS,
    trustProxy: variables.TRUST_PROXY,
    corsOrigins: variables.CORS_ORIGINS,
  };
}

export type GatewayConfig = ReturnType<typeof toGatewayConfig>;

/** @throws TypeError without a mail server. */
function requiresVerification({ EMAIL_VERIFICATION, SMTP_URL }: GatewayVariables): boolean {
  if (EMAIL_VERIFICATION === 'off') return false;
  if (SMTP_URL === undefined) {
    throw new TypeError('Set SMTP_URL to send verification mails, or EMAIL_VERIFICATION=off.');
  }
  return true;
}

/** @throws TypeError for an issuer without an audience. */
function externalIssuer(variables: GatewayVariables) {
  const { EXTERNAL_ISSUER_URL: issuer, EXTERNAL_ISSUER_AUDIENCE: audience } = variables;
  if (issuer === undefined) return null;
  if (audience === undefined)
    throw new TypeError(
      'Set EXTERNAL_ISSUER_AUDIENCE: without it, tokens issued for other services would be accepted.',
    );
  const jwksUrl = variables.EXTERNAL_ISSUER_JWKS_URL ?? `${issuer.replace(/\/$/, '')}/.well-known/jwks.json`;
  return { issuer, audience, jwksUrl };
}
