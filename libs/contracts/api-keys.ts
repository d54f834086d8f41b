/** `/api/api-keys`: credentials that act for an account. */
import { z } from 'zod';
import { WINDOWS } from '#libs/catalogue/limit.ts';
import { parseUsd } from '#libs/money/money.ts';
import { instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { displayName } from './identity.ts';
import { KEY_SCOPES } from './key-scopes.ts';
import { keyLimitToWire, keyLimitWire } from './limits.ts';
import { defineOperation } from './operation.ts';
import { datedPageQuery, page } from './page.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';

const MAX_LIMITS = 20;
const USD = /^(0|[1-9]\d{0,8})(\.\d{1,9})?$/;
/** JSON numbers keep as many digits exact, and limits that are not on `cost` are stored as such. */
const MAX_EXACT_DIGITS = 15;

/** A limit of one key, in addition to those of its account. The amount has the form that responses have. */
export const newKeyLimit = z
  .strictObject({
    meter: z
      .string()
      .regex(/^[a-z][a-z0-9_.-]{0,63}$/, 'must be a meter such as cost or tokens.total')
      .describe('For example `cost`, `tokens.total` or `images`.'),
    window: z.enum(WINDOWS),
    amount: z.strictObject({
      kind: z.literal('limited'),
      value: z
        .string()
        .regex(/^(0|[1-9]\d{0,17})$/, 'must be a whole number in the unit of the meter, as text')
        .optional()
        .describe('In the unit of the meter: nano-USD for `cost`, otherwise a count, tokens or seconds.'),
      value_usd: z
        .string()
        .regex(USD, 'must be USD with at most nine decimals, as text')
        .optional()
        .describe('For `cost`, instead of `value`: USD with at most nine decimals, such as `"25.00"`.'),
    }),
  })
  .superRefine(({ meter, amount: { value, value_usd: usd } }, context) => {
    const refuse = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: ['amount', field], message });
    if (usd !== undefined && meter !== 'cost') refuse('value_usd', 'only `cost` has it: set `value`');
    else if (value === undefined && usd === undefined) refuse('value', 'is required');
    else if (value !== undefined && usd !== undefined && BigInt(value) !== parseUsd(usd))
      refuse('value_usd', 'differs from `value`');
    else if (value !== undefined && meter !== 'cost' && value.length > MAX_EXACT_DIGITS)
      refuse('value', `must have at most ${MAX_EXACT_DIGITS} digits`);
  })
  .meta({ id: 'NewKeyLimit' });

export type NewKeyLimit = z.infer<typeof newKeyLimit>;

/** The amount of a limit in the unit of its meter. */
export function amountOfNewLimit({ amount: { value, value_usd: usd } }: NewKeyLimit): bigint {
  return value === undefined ? parseUsd(usd ?? '0') : BigInt(value);
}

export const keyLimits = z
  .array(newKeyLimit)
  .max(MAX_LIMITS)
  .refine(
    (limits) => new Set(limits.map(({ meter, window }) => `${meter} ${window}`)).size === limits.length,
    'set at most one limit per meter and window',
  );

export const createApiKeyRequest = z
  .strictObject({
    name: displayName,
    scopes: z
      .array(z.enum(KEY_SCOPES))
      .min(1)
      .max(KEY_SCOPES.length)
      .default(['generate', 'usage:read'])
      .describe('What the key may do; `*` means everything.'),
    expires_at: z.iso.datetime({ offset: true }).optional().describe('The key never expires by default.'),
    limits: keyLimits.default([]).describe('Limits of this key alone.'),
  })
  .meta({ id: 'CreateApiKeyRequest' });

export const changeApiKeyRequest = z
  .strictObject({
    name: displayName.optional(),
    limits: keyLimits.optional().describe('Replaces all limits of the key.'),
  })
  .refine(({ name, limits }) => name !== undefined || limits !== undefined, 'set `name`, `limits`, or both')
  .meta({ id: 'ChangeApiKeyRequest' });

const SECONDS_PER_DAY = 86_400;

export const rotateApiKeyRequest = z
  .strictObject({
    overlap_seconds: z
      .int()
      .min(0)
      .max(7 * SECONDS_PER_DAY)
      .default(SECONDS_PER_DAY)
      .describe(
        'How long the present secret still works, so that it can be replaced without an interruption.',
      ),
  })
  .meta({ id: 'RotateApiKeyRequest' });

const apiKeyShape = {
  id: z.uuid(),
  name: z.string(),
  prefix: z.string().describe('The beginning of the key, to recognise it.'),
  scopes: z.array(z.string()),
  limits: z.array(keyLimitWire),
  created_by: z.uuid(),
  created_at: instant,
  updated_at: instant.describe('When it was changed, rotated or revoked last.'),
  expires_at: instant.nullable(),
  previous_secret_expires_at: instant
    .nullable()
    .describe('Until when the secret before the last rotation works; null if none does.'),
  last_used_at: instant.nullable().describe('Accurate to the minute.'),
  revoked_at: instant.nullable(),
};

export const apiKey = z.object(apiKeyShape).meta({ id: 'ApiKey' });
export const createdApiKey = z
  .object({
    ...apiKeyShape,
    key: z.string().describe('The key itself. Shown only in this response, and not stored.'),
  })
  .meta({ id: 'CreatedApiKey' });

export type ApiKeyView = z.infer<typeof apiKey>;

const exampleKey: ApiKeyView = {
  id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d30',
  name: 'Newsletter service',
  prefix: 'ik_live_7Hq2Xc',
  scopes: ['generate'],
  limits: [keyLimitToWire({ meter: 'cost', window: 'month', amount: 25_000_000_000n })],
  created_by: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e',
  created_at: '2026-11-20T09:00:00.000Z',
  updated_at: '2026-11-20T09:00:00.000Z',
  expires_at: null,
  previous_secret_expires_at: null,
  last_used_at: null,
  revoked_at: null,
};

const exampleLimits: NewKeyLimit[] = [
  { meter: 'cost', window: 'month', amount: { kind: 'limited', value_usd: '25.00' } },
];

const keyId = z.object({ id: z.uuid() });
const PROBLEMS = [...USER_PROBLEMS, 'role_required', 'insufficient_scope'] as const;
const tags = ['API keys'];

export const createApiKey = defineOperation({
  operationId: 'createApiKey',
  method: 'POST',
  path: '/api/api-keys',
  summary: 'Create an API key',
  description:
    'For owners and admins, and for keys with `keys:manage`, which cannot create a key that may do more than they may.',
  tags,
  auth: 'user',
  scope: 'keys:manage',
  headers: idempotencyHeaders,
  body: createApiKeyRequest,
  bodyExample: {
    name: exampleKey.name,
    scopes: exampleKey.scopes,
    limits: exampleLimits,
  },
  responses: {
    201: {
      description: 'The key, shown only in this response.',
      schema: createdApiKey,
      example: { ...exampleKey, key: 'ik_live_<id>_<secret>' },
    },
    ...problemResponses(...PROBLEMS, 'semantic_error', 'conflict'),
  },
});

export const listApiKeys = defineOperation({
  operationId: 'listApiKeys',
  method: 'GET',
  path: '/api/api-keys',
  summary: 'List API keys',
  description: 'Newest first, including revoked keys.',
  tags,
  auth: 'user',
  scope: 'keys:manage',
  querystring: datedPageQuery.extend({
    status: z.enum(['active', 'revoked']).optional().describe('Only keys with this status.'),
  }),
  responses: {
    200: {
      description: 'One page of keys.',
      schema: page(apiKey).meta({ id: 'ApiKeyPage' }),
      example: { data: [exampleKey], next_cursor: null },
    },
    ...problemResponses(...PROBLEMS),
  },
});

export const getApiKey = defineOperation({
  operationId: 'getApiKey',
  method: 'GET',
  path: '/api/api-keys/{id}',
  summary: 'Get an API key',
  tags,
  auth: 'user',
  scope: 'keys:manage',
  params: keyId,
  responses: {
    200: { description: 'The key, without its secret.', schema: apiKey, example: exampleKey },
    ...problemResponses(...PROBLEMS, 'not_found'),
  },
});

export const revokeApiKey = defineOperation({
  operationId: 'revokeApiKey',
  method: 'DELETE',
  path: '/api/api-keys/{id}',
  summary: 'Revoke an API key',
  description: 'Takes effect within a second everywhere. Revoking a key twice succeeds.',
  tags,
  auth: 'user',
  scope: 'keys:manage',
  params: keyId,
  responses: { 204: { description: 'Revoked.' }, ...problemResponses(...PROBLEMS, 'not_found') },
});

export const changeApiKey = defineOperation({
  operationId: 'changeApiKey',
  method: 'PATCH',
  path: '/api/api-keys/{id}',
  summary: "Change an API key's name and limits",
  description: 'The key itself stays the same. A key with limits of its own cannot change keys.',
  tags,
  auth: 'user',
  scope: 'keys:manage',
  params: keyId,
  body: changeApiKeyRequest,
  bodyExample: { limits: exampleLimits },
  responses: {
    200: { description: 'The key after the change.', schema: apiKey, example: exampleKey },
    ...problemResponses(...PROBLEMS, 'not_found', 'conflict', 'semantic_error'),
  },
});

export const rotateApiKey = defineOperation({
  operationId: 'rotateApiKey',
  method: 'POST',
  path: '/api/api-keys/{id}/rotate',
  summary: 'Replace the secret of an API key',
  description:
    'The key keeps its id, scopes, limits and usage. Its present secret works until the overlap has passed; a secret from an earlier rotation stops at once.',
  tags,
  auth: 'user',
  scope: 'keys:manage',
  headers: idempotencyHeaders,
  params: keyId,
  body: rotateApiKeyRequest,
  bodyExample: { overlap_seconds: 3600 },
  responses: {
    200: {
      description: 'The key with its new secret, shown only in this response.',
      schema: createdApiKey,
      example: {
        ...exampleKey,
        previous_secret_expires_at: '2026-11-20T10:00:00.000Z',
        key: 'ik_live_<id>_<secret>',
      },
    },
    ...problemResponses(...PROBLEMS, 'not_found', 'conflict'),
  },
});

export const API_KEY_OPERATIONS = [
  createApiKey,
  listApiKeys,
  getApiKey,
  changeApiKey,
  rotateApiKey,
  revokeApiKey,
] as const;
