/** `/api/session-tokens`: short-lived credentials with which end users of a partner call us from a browser. */
import { z } from 'zod';
import { keyLimits } from './api-keys.ts';
import { instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { keyLimitToWire, keyLimitWire } from './limits.ts';
import { defineOperation } from './operation.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';

const MAX_TTL_SECONDS = 900;

/** Operations that a session token may be restricted to: those that generate. */
export const SESSION_OPERATIONS = [
  'createChatCompletion',
  'createMessage',
  'createResponse',
  'createCompletion',
  'createEmbeddings',
  'createImage',
  'generateContentOfModel',
  'streamGenerateContent',
  'embedContent',
  'batchEmbedContents',
  'createModeration',
  'generateContent',
  'generateImages',
  'createTranscription',
  'createSpeech',
  'searchWeb',
] as const;

const origin = z
  .string()
  .max(200)
  .refine((text) => URL.parse(text)?.origin === text, 'must be an origin such as https://app.example.com');

const restrictions = {
  models: z
    .array(z.string().min(1).max(100))
    .min(1)
    .max(50)
    .nullable()
    .describe('The models that it may call, by their names in the price list. Null means those of the plan.'),
  operations: z
    .array(z.enum(SESSION_OPERATIONS))
    .min(1)
    .nullable()
    .describe('The operations that it may call. Null means all that generate.'),
  origins: z
    .array(origin)
    .min(1)
    .max(20)
    .nullable()
    .describe('The web origins from which browsers may use it. Null means any.'),
};

export const createSessionTokenRequest = z
  .strictObject({
    end_user: z
      .string()
      .regex(/^[\x21-\x7e]{1,128}$/, 'must be 1 to 128 visible ASCII characters')
      .describe('Your id of the end user, to whom usage is attributed.'),
    ttl_seconds: z.int().min(60).max(MAX_TTL_SECONDS).default(MAX_TTL_SECONDS),
    limits: keyLimits
      .optional()
      .describe(
        'Limits of the end user over all tokens, in addition to those of the account and the key. Replaces earlier ones; without it they stay.',
      ),
    models: restrictions.models.default(null),
    operations: restrictions.operations.default(null),
    origins: restrictions.origins.default(null),
  })
  .meta({ id: 'CreateSessionTokenRequest' });

const sessionToken = z
  .object({
    id: z.uuid(),
    token: z.string().describe('Shown only in this response. Send it as an API key.'),
    end_user: z.string(),
    user_id: z.uuid().describe('The end user in usage reports.'),
    limits: z.array(keyLimitWire),
    ...restrictions,
    created_at: instant,
    expires_at: instant,
  })
  .meta({ id: 'SessionToken' });

const example = {
  id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d80',
  token: 'ik_session_<id>_<secret>',
  end_user: 'customer-4711',
  user_id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d81',
  limits: [keyLimitToWire({ meter: 'cost', window: 'day', amount: 500_000_000n })],
  models: ['gpt-4o-mini'],
  operations: ['createChatCompletion' as const],
  origins: ['https://app.example.com'],
  created_at: '2026-11-20T12:00:00.000Z',
  expires_at: '2026-11-20T12:15:00.000Z',
};

const tags = ['API keys'];

export const createSessionToken = defineOperation({
  operationId: 'createSessionToken',
  method: 'POST',
  path: '/api/session-tokens',
  summary: 'Create a token for an end user',
  description:
    'For your server, with an API key: a token that a browser sends to us directly, for 15 minutes at most. It may only generate, within the limits of its end user, of the key that made it and of the account; it stops working with the key.',
  tags,
  auth: 'user',
  scope: 'generate',
  headers: idempotencyHeaders,
  body: createSessionTokenRequest,
  bodyExample: {
    end_user: example.end_user,
    limits: [{ meter: 'cost', window: 'day', amount: { kind: 'limited', value_usd: '0.50' } }],
    models: example.models,
    operations: example.operations,
    origins: example.origins,
  },
  responses: {
    201: { description: 'The token, shown only in this response.', schema: sessionToken, example },
    ...problemResponses(...USER_PROBLEMS, 'semantic_error'),
  },
});

export const revokeSessionToken = defineOperation({
  operationId: 'revokeSessionToken',
  method: 'DELETE',
  path: '/api/session-tokens/{id}',
  summary: 'Revoke a token of an end user',
  description: 'Takes effect within a second everywhere. For API keys of the account that made it.',
  tags,
  auth: 'user',
  scope: 'generate',
  params: z.object({ id: z.uuid() }),
  responses: { 204: { description: 'Revoked.' }, ...problemResponses(...USER_PROBLEMS, 'not_found') },
});

export const SESSION_TOKEN_OPERATIONS = [createSessionToken, revokeSessionToken] as const;
