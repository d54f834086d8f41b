/** Sign-up, sign-in and the caller: `/api/auth/*`, `/api/me` and the public keys of access tokens. */
import { z } from 'zod';
import { instant } from './envelope.ts';
import { idempotencyHeaders } from './idempotency-key.ts';
import { ACCOUNT_ROLES, PLATFORM_ROLES } from './internal-context.ts';
import { defineOperation } from './operation.ts';
import { list } from './page.ts';
import { problemResponses, USER_PROBLEMS } from './problem-responses.ts';
import { CONTROLS } from './storable-text.ts';

const MAX_EMAIL_CHARACTERS = 254;
const MIN_PASSWORD_CHARACTERS = 8;
const MAX_PASSWORD_CHARACTERS = 200;

const NO_CONTROL_CHARACTERS = new RegExp(`^[^${CONTROLS}]*$`);

/** Any name without control characters, which do not belong in columns and log lines. */
export const displayName = z
  .string()
  .trim()
  .min(1)
  .max(120)
  .regex(NO_CONTROL_CHARACTERS, 'must not contain control characters');

export const emailAddress = z.string().trim().pipe(z.email().max(MAX_EMAIL_CHARACTERS));

/** Length makes a password strong; the upper bound keeps hashing cheap. */
export const newPassword = z.string().min(MIN_PASSWORD_CHARACTERS).max(MAX_PASSWORD_CHARACTERS);

const givenPassword = z.string().min(1).max(MAX_PASSWORD_CHARACTERS);
const givenRefreshToken = z.string().min(1).max(200);

export const registerRequest = z
  .strictObject({
    email: emailAddress,
    password: newPassword,
    name: displayName.optional().describe('Name of the user.'),
    account_name: displayName
      .optional()
      .describe("Name of the new account; the user's name or email address by default."),
  })
  .meta({ id: 'RegisterRequest' });

export const loginRequest = z
  .strictObject({
    email: z.string().trim().min(1).max(MAX_EMAIL_CHARACTERS).regex(NO_CONTROL_CHARACTERS),
    password: givenPassword,
    account_id: z
      .uuid()
      .optional()
      .describe('For users in several accounts; the first one joined by default.'),
  })
  .meta({ id: 'LoginRequest' });

export const refreshRequest = z
  .strictObject({
    refresh_token: givenRefreshToken,
    account_id: z
      .uuid()
      .optional()
      .describe('Switches the session to another account of the user; it stays in its account by default.'),
  })
  .meta({ id: 'RefreshRequest' });

export const logoutRequest = z
  .strictObject({ refresh_token: givenRefreshToken })
  .meta({ id: 'LogoutRequest' });

export const updateMeRequest = z
  .strictObject({
    name: displayName.optional(),
    current_password: givenPassword.optional(),
    new_password: newPassword.optional().describe('Ends every session of the user, including this one.'),
  })
  .refine((body) => (body.new_password === undefined) === (body.current_password === undefined), {
    path: ['current_password'],
    message: 'set current_password and new_password together',
  })
  .refine(
    (body) => body.name !== undefined || body.new_password !== undefined,
    'set name, or current_password and new_password',
  )
  .meta({ id: 'UpdateMeRequest' });

export const tokenPair = z
  .object({
    access_token: z.string().describe('JWT; send it as `Authorization: Bearer`.'),
    token_type: z.literal('Bearer'),
    expires_in: z.int().describe('Seconds until the access token expires.'),
    refresh_token: z.string().describe('Works for one refresh, which returns the next one.'),
    refresh_expires_in: z.int().describe('Seconds until the refresh token expires.'),
  })
  .meta({ id: 'TokenPair' });

export const verificationRequired = z
  .object({ status: z.literal('verification_required') })
  .describe('A mail to the address says how to continue. The same whether it has an account or not.')
  .meta({ id: 'VerificationRequired' });

export const VERIFICATION_REQUIRED: z.infer<typeof verificationRequired> = {
  status: 'verification_required',
};

export const identity = z
  .object({
    user: z
      .object({
        id: z.uuid(),
        email: z.string(),
        name: z.string().nullable(),
        platform_role: z.enum(PLATFORM_ROLES),
        created_at: instant,
        updated_at: instant.describe('When the name, the password or the role was last changed.'),
      })
      .nullable()
      .describe('The user; null for an API key.'),
    account: z.object({
      id: z.uuid(),
      name: z.string(),
      status: z.enum(['active', 'suspended', 'deleted']),
      created_at: instant,
      updated_at: instant.describe('When the name or the status was changed last.'),
    }),
    role: z.enum(ACCOUNT_ROLES).describe('Role in the account.'),
    scopes: z.array(z.string()).describe('`*`, or the scopes of the API key.'),
    api_key_id: z.uuid().nullable(),
  })
  .meta({ id: 'Identity' });

export const memberAccount = z
  .object({
    id: z.uuid(),
    name: z.string(),
    status: z.enum(['active', 'suspended', 'deleted']),
    role: z.enum(ACCOUNT_ROLES).describe("The user's role in the account."),
    joined_at: instant,
    current: z.boolean().describe('Whether the request was made in this account.'),
  })
  .meta({ id: 'MemberAccount' });

export type Identity = z.infer<typeof identity>;
export type TokenPair = z.infer<typeof tokenPair>;

export const jsonWebKeySet = z
  .object({
    keys: z.array(z.looseObject({ kty: z.string(), kid: z.string(), alg: z.string(), use: z.string() })),
  })
  .meta({ id: 'JsonWebKeySet' });

const EXAMPLE_IDS = {
  user: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e',
  account: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2f',
};

const exampleIdentity: Identity = {
  user: {
    id: EXAMPLE_IDS.user,
    email: 'ada@example.com',
    name: 'Ada',
    platform_role: 'none',
    created_at: '2026-11-20T09:00:00.000Z',
    updated_at: '2026-11-20T09:00:00.000Z',
  },
  account: {
    id: EXAMPLE_IDS.account,
    name: 'Analytical Engines',
    status: 'active',
    created_at: '2026-11-20T09:00:00.000Z',
    updated_at: '2026-11-20T09:00:00.000Z',
  },
  role: 'owner',
  scopes: ['*'],
  api_key_id: null,
};

const exampleMemberAccount: z.infer<typeof memberAccount> = {
  id: EXAMPLE_IDS.account,
  name: 'Analytical Engines',
  status: 'active',
  role: 'owner',
  joined_at: '2026-11-20T09:00:00.000Z',
  current: true,
};

const exampleTokens: TokenPair = {
  access_token: '<JWT>',
  token_type: 'Bearer',
  expires_in: 900,
  refresh_token: 'irt_5Qd0…',
  refresh_expires_in: 2_592_000,
};

/** Errors of every operation that takes credentials. */
export const AUTH_PROBLEMS = [
  'invalid_request',
  'body_too_large',
  'rate_limited',
  'internal_error',
  'service_unavailable',
  'overloaded',
] as const;
const tags = ['Identity'];

export const register = defineOperation({
  operationId: 'register',
  method: 'POST',
  path: '/api/auth/register',
  summary: 'Sign up',
  description:
    'Creates a user and an account that they own. Where addresses are verified, the response is 202 for every address: a mail has the link for `POST /api/auth/verify-email`, or says that the address has an account. Otherwise it starts a session, and a user who was removed from their last account gets a new account with their old email address and password. An `Idempotency-Key` belongs to the email address.',
  tags,
  auth: 'none',
  body: registerRequest,
  headers: idempotencyHeaders,
  takesCredentials: true,
  bodyExample: {
    email: 'ada@example.com',
    password: 'correct horse battery',
    account_name: 'Analytical Engines',
  },
  responses: {
    201: { description: 'The tokens of the new session.', schema: tokenPair, example: exampleTokens },
    202: {
      description: 'The address must be verified first.',
      schema: verificationRequired,
      example: VERIFICATION_REQUIRED,
    },
    ...problemResponses(...AUTH_PROBLEMS, 'email_taken', 'semantic_error'),
  },
});

export const login = defineOperation({
  operationId: 'login',
  method: 'POST',
  path: '/api/auth/login',
  summary: 'Sign in',
  description:
    'Starts a session in the account that `account_id` names, or in the first one joined. A user who was removed from their last account gets a new account of their own.',
  tags,
  auth: 'none',
  body: loginRequest,
  takesCredentials: true,
  bodyExample: { email: 'ada@example.com', password: 'correct horse battery' },
  responses: {
    200: { description: 'The tokens of the new session.', schema: tokenPair, example: exampleTokens },
    ...problemResponses(
      ...AUTH_PROBLEMS,
      'invalid_credentials',
      'email_not_verified',
      'account_suspended',
      'role_required',
    ),
  },
});

export const refresh = defineOperation({
  operationId: 'refresh',
  method: 'POST',
  path: '/api/auth/refresh',
  summary: 'Get a new access token',
  description:
    'Every refresh token is replaced by the next one. It still works for ten seconds after its first use, for two tabs that refresh at once; using it later ends the session, because it may have been stolen. With `account_id`, the session continues in another account of the user: `GET /api/me/accounts` lists them.',
  tags,
  auth: 'none',
  body: refreshRequest,
  takesCredentials: true,
  bodyExample: { refresh_token: exampleTokens.refresh_token },
  responses: {
    200: { description: 'The next pair of tokens.', schema: tokenPair, example: exampleTokens },
    ...problemResponses(
      ...AUTH_PROBLEMS,
      'refresh_token_invalid',
      'refresh_token_reused',
      'account_suspended',
      'role_required',
    ),
  },
});

export const logout = defineOperation({
  operationId: 'logout',
  method: 'POST',
  path: '/api/auth/logout',
  summary: 'Sign out',
  description: 'Ends the session: its refresh token and its access tokens stop working within a second.',
  tags,
  auth: 'none',
  body: logoutRequest,
  takesCredentials: true,
  bodyExample: { refresh_token: exampleTokens.refresh_token },
  responses: {
    204: { description: 'The session has ended, or there was none.' },
    ...problemResponses(...AUTH_PROBLEMS),
  },
});

export const getMe = defineOperation({
  operationId: 'getMe',
  method: 'GET',
  path: '/api/me',
  summary: 'Get the caller',
  tags,
  auth: 'user',
  scope: 'any',
  responses: {
    200: {
      description: 'The user or API key, and the account.',
      schema: identity,
      example: exampleIdentity,
    },
    ...problemResponses(...USER_PROBLEMS),
  },
});

export const updateMe = defineOperation({
  operationId: 'updateMe',
  method: 'PATCH',
  path: '/api/me',
  summary: 'Change your name or password',
  tags,
  auth: 'user',
  body: updateMeRequest,
  bodyExample: { current_password: 'correct horse battery', new_password: 'staple correct battery' },
  responses: {
    200: { description: 'The caller after the change.', schema: identity, example: exampleIdentity },
    ...problemResponses(
      ...USER_PROBLEMS,
      'invalid_credentials',
      'insufficient_scope',
      'role_required',
      'semantic_error',
      'overloaded',
    ),
  },
});

export const listMyAccounts = defineOperation({
  operationId: 'listMyAccounts',
  method: 'GET',
  path: '/api/me/accounts',
  summary: 'List your accounts',
  description:
    'In the order in which you joined them. `POST /api/auth/refresh` and `POST /api/auth/login` select one with `account_id`.',
  tags,
  auth: 'user',
  responses: {
    200: {
      description: 'All accounts of the user, on one page.',
      schema: list(memberAccount).meta({ id: 'MemberAccountList' }),
      example: { data: [exampleMemberAccount], next_cursor: null },
    },
    ...problemResponses(...USER_PROBLEMS, 'insufficient_scope'),
  },
});

export const getJsonWebKeySet = defineOperation({
  operationId: 'getJsonWebKeySet',
  method: 'GET',
  path: '/.well-known/jwks.json',
  summary: 'Get the public keys of access tokens',
  tags,
  auth: 'none',
  responses: {
    200: {
      description: 'A JSON Web Key Set (RFC 7517).',
      schema: jsonWebKeySet,
      example: {
        keys: [
          {
            kty: 'OKP',
            crv: 'Ed25519',
            x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
            kid: '2026-11',
            alg: 'EdDSA',
            use: 'sig',
          },
        ],
      },
    },
  },
});

export const IDENTITY_OPERATIONS = [
  register,
  login,
  refresh,
  logout,
  getMe,
  updateMe,
  listMyAccounts,
  getJsonWebKeySet,
] as const;
