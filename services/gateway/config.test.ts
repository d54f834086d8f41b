import t from 'tap';
import { describeConfig, loadConfig } from '#libs/config/config.ts';
import { INTERNAL_KEYS_TEXT } from '#libs/testing/service.ts';
import { configSchema, toGatewayConfig } from './config.ts';
import { privateJwk } from './fixtures.ts';

const minimal = {
  DATABASE_URL: 'postgres://u:p@h/d',
  INTERNAL_KEYS: INTERNAL_KEYS_TEXT,
  JWT_KEYS: JSON.stringify([privateJwk('ed25519')]),
  SMTP_URL: 'smtp://mail.example:587',
};
const load = (variables: Record<string, string>) =>
  toGatewayConfig(loadConfig(configSchema, { ...minimal, ...variables }));

t.test('given only the required variables, the rest has defaults', async (t) => {
  const config = load({});
  t.match(config, {
    service: { port: 8080, operationsPort: 9080, bodyLimitBytes: 2 * 1024 * 1024, maxConnections: 10_000 },
    accessTokens: { ttlMs: 15 * 60 * 1000, keys: [{ kid: /^[\w-]{43}$/, algorithm: 'EdDSA' }] },
    refreshTokenTtlMs: 30 * 24 * 60 * 60 * 1000,
    externalIssuer: null,
    requiresVerification: true,
    rateLimits: { perCaller: 600, connectionsPerAddress: 2_000 },
    trustProxy: [],
    corsOrigins: [],
  });
  t.notMatch(JSON.stringify(config.accessTokens.keys.map(({ publicJwk }) => publicJwk)), /"d"/);
  for (const { description } of describeConfig(configSchema)) t.ok(description);
});

t.test('given an external issuer, an audience is required and its key URL has a default', async (t) => {
  t.throws(() => load({ EXTERNAL_ISSUER_URL: 'https://x.example/' }), /EXTERNAL_ISSUER_AUDIENCE/);
  const { externalIssuer } = load({
    EXTERNAL_ISSUER_URL: 'https://x.example/',
    EXTERNAL_ISSUER_AUDIENCE: 'us',
  });
  t.strictSame(externalIssuer, {
    issuer: 'https://x.example/',
    audience: 'us',
    jwksUrl: 'https://x.example/.well-known/jwks.json',
  });
});

t.test('given invalid signing keys, the error does not quote them', async (t) => {
  const key = privateJwk('P-256', 'k');
  const { d: _, ...publicOnly } = key;
  for (const JWT_KEYS of [
    'hunter2',
    '{}',
    '[]',
    JSON.stringify([publicOnly]),
    JSON.stringify([{ ...key, d: 'hunter2' }]),
    JSON.stringify([key, key]),
    JSON.stringify([{ kty: 'oct', k: 'hunter2' }]),
  ]) {
    t.throws(() => load({ JWT_KEYS }), { message: /JWT_KEYS is not valid/ });
    t.throws(() => load({ JWT_KEYS }), { message: /^(?!.*hunter2)/s });
  }
});

t.test('given verification of addresses, a mail server is required', async (t) => {
  const { SMTP_URL: _, ...without } = minimal;
  t.throws(() => toGatewayConfig(loadConfig(configSchema, without)), /SMTP_URL/);
  const off = toGatewayConfig(loadConfig(configSchema, { ...without, EMAIL_VERIFICATION: 'off' }));
  t.match(off, { requiresVerification: false, mail: { smtpUrl: undefined } });
  t.throws(() => load({ EMAIL_VERIFICATION: 'maybe' }), /EMAIL_VERIFICATION/);
  t.throws(() => load({ SMTP_URL: 'mail.example' }), /SMTP_URL/);
});
