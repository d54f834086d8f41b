/** Tables of the gateway: who may call. */
import { sql } from 'drizzle-orm';
import { index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import type { Window } from '#libs/catalogue/limit.ts';
import { bytes, instant } from './columns.ts';

/** A tenant. Everything that is used, limited or paid belongs to one. */
export const accounts = pgTable('accounts', {
  id: uuid('id').primaryKey(),
  name: text('name').notNull(),
  status: text('status', { enum: ['active', 'suspended', 'deleted'] })
    .notNull()
    .default('active'),
  createdAt: instant('created_at').notNull(),
  /** A trigger sets it at each change. */
  updatedAt: instant('updated_at').notNull().defaultNow(),
});

/** The brand that an account shows instead of the product's. */
export const brandings = pgTable('brandings', {
  accountId: uuid('account_id').primaryKey(),
  productName: text('product_name').notNull(),
  /** An https address, or an image as a `data:` URL; null shows the name alone. */
  logoUrl: text('logo_url'),
  /** `#rrggbb`. */
  primaryColour: text('primary_colour').notNull(),
  supportEmail: text('support_email'),
  websiteUrl: text('website_url'),
  updatedAt: instant('updated_at').notNull(),
});

export const users = pgTable(
  'users',
  {
    id: uuid('id').primaryKey(),
    email: text('email').notNull(),
    /** Lower case, without tag, provider aliases folded: the same for all spellings of one mailbox. */
    emailNormalised: text('email_normalised').notNull(),
    /** PHC string; null for a user who signs in through a configured external issuer. */
    passwordHash: text('password_hash'),
    externalIssuer: text('external_issuer'),
    externalSubject: text('external_subject'),
    name: text('name'),
    platformRole: text('platform_role', { enum: ['none', 'support', 'admin'] })
      .notNull()
      .default('none'),
    /** When a mail proved that the address is the user's; null until then. */
    emailVerifiedAt: instant('email_verified_at'),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex('users_email').on(sql`lower(email)`),
    uniqueIndex('users_external').on(table.externalIssuer, table.externalSubject),
  ],
);

export const memberships = pgTable(
  'memberships',
  {
    accountId: uuid('account_id').notNull(),
    userId: uuid('user_id').notNull(),
    role: text('role', { enum: ['owner', 'admin', 'member'] }).notNull(),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.accountId, table.userId] }),
    index('memberships_user').on(table.userId),
  ],
);

/** Refresh tokens rotate; a token used twice revokes every token of its family. */
export const refreshTokens = pgTable(
  'refresh_tokens',
  {
    id: uuid('id').primaryKey(),
    familyId: uuid('family_id').notNull(),
    userId: uuid('user_id').notNull(),
    accountId: uuid('account_id').notNull(),
    tokenHash: text('token_hash').notNull(),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    usedAt: instant('used_at'),
    revokedAt: instant('revoked_at'),
  },
  (table) => [
    uniqueIndex('refresh_tokens_hash').on(table.tokenHash),
    index('refresh_tokens_family').on(table.familyId),
    /** For the job that deletes expired tokens. */
    index('refresh_tokens_expiry').on(table.expiresAt),
  ],
);

/** Older than its form on the wire: the amount is USD as text for `cost`, a number for other meters. */
export type StoredKeyLimit = { meter: string; window: Window; amount: string | number };

export const apiKeys = pgTable(
  'api_keys',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    createdBy: uuid('created_by').notNull(),
    name: text('name').notNull(),
    /** The public part, by which a key is looked up. */
    publicId: text('public_id').notNull(),
    displayPrefix: text('display_prefix').notNull(),
    secretHash: text('secret_hash').notNull(),
    /** The secret before the last rotation, which works until `previousSecretUntil`. */
    previousSecretHash: text('previous_secret_hash'),
    previousSecretUntil: instant('previous_secret_until'),
    scopes: text('scopes').array().notNull(),
    limits: jsonb('limits').$type<StoredKeyLimit[]>().notNull().default(sql`'[]'::jsonb`),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
    expiresAt: instant('expires_at'),
    lastUsedAt: instant('last_used_at'),
    revokedAt: instant('revoked_at'),
  },
  (table) => [
    uniqueIndex('api_keys_public_id').on(table.publicId),
    index('api_keys_account').on(table.accountId, table.id),
  ],
);

/** Customers of a partner, for whom it makes session tokens. Their id counts as the user's in the ledger. */
export const endUsers = pgTable(
  'end_users',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    /** The partner's name for the end user. */
    externalId: text('external_id').notNull(),
    /** As last put in force. */
    limits: jsonb('limits').$type<StoredKeyLimit[]>().notNull().default(sql`'[]'::jsonb`),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (table) => [uniqueIndex('end_users_external').on(table.accountId, table.externalId)],
);

/** Short-lived credentials of end users, made by an API key. Only the hash of a secret is stored. */
export const sessionTokens = pgTable(
  'session_tokens',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    endUserId: uuid('end_user_id').notNull(),
    /** The key that made it, whose limits, stops and revocation apply to it too. */
    keyId: uuid('key_id').notNull(),
    publicId: text('public_id').notNull(),
    secretHash: text('secret_hash').notNull(),
    /** What it may use; null for no restriction beyond those of every session token. */
    models: text('models').array(),
    operations: text('operations').array(),
    origins: text('origins').array(),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    revokedAt: instant('revoked_at'),
  },
  (table) => [
    uniqueIndex('session_tokens_public_id').on(table.publicId),
    index('session_tokens_account').on(table.accountId, table.id),
    /** For the job that deletes expired tokens. */
    index('session_tokens_expiry').on(table.expiresAt),
  ],
);

/** Links in mails: each works once. Only the hashes of their tokens are stored. */
export const emailTokens = pgTable(
  'email_tokens',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id').notNull(),
    purpose: text('purpose', { enum: ['verify_email', 'password_reset'] }).notNull(),
    tokenHash: text('token_hash').notNull(),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    usedAt: instant('used_at'),
  },
  (table) => [
    uniqueIndex('email_tokens_hash').on(table.tokenHash),
    index('email_tokens_user').on(table.userId),
    /** For the job that deletes expired tokens. */
    index('email_tokens_expiry').on(table.expiresAt),
  ],
);

/** Offers to join an account. Only the hash of the token that accepts one is stored. */
export const invitations = pgTable(
  'invitations',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    email: text('email').notNull(),
    role: text('role', { enum: ['owner', 'admin', 'member'] }).notNull(),
    tokenHash: text('token_hash').notNull(),
    /** Of the token in the mail, which is made when the mail is sent; null before. */
    mailTokenHash: text('mail_token_hash'),
    invitedBy: uuid('invited_by').notNull(),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    acceptedAt: instant('accepted_at'),
    acceptedBy: uuid('accepted_by'),
    revokedAt: instant('revoked_at'),
  },
  (table) => [
    uniqueIndex('invitations_token').on(table.tokenHash),
    uniqueIndex('invitations_mail_token').on(table.mailTokenHash),
    index('invitations_account').on(table.accountId, table.id),
    /** For the job that deletes old ones. */
    index('invitations_expiry').on(table.expiresAt),
  ],
);

/** First answers of requests that carried an `Idempotency-Key`, replayed for 24 hours. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    accountId: uuid('account_id').notNull(),
    /** The key as sent, prefixed by the caller it belongs to. */
    key: text('key').notNull(),
    bodyHash: text('body_hash').notNull(),
    requestId: uuid('request_id').notNull(),
    state: text('state', { enum: ['running', 'done'] }).notNull(),
    /** While running: the gateway that owns it renews this; past it, another may take over. */
    leaseUntil: instant('lease_until').notNull(),
    status: integer('status'),
    headers: jsonb('headers'),
    body: bytes('body'),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.accountId, table.key] }),
    index('idempotency_keys_expiry').on(table.expiresAt),
  ],
);

/**
 * Requests counted against rate limits that all gateway processes share. Unlogged, because the counts of a minute need not
 * survive a crash.
 */
export const rateLimitCounters = pgTable('rate_limit_counters', {
  /** The policy and whom it limits. */
  key: text('key').primaryKey(),
  max: integer('max').notNull(),
  /** Requests that processes have leased in the window. */
  used: integer('used').notNull(),
  endsAt: instant('ends_at').notNull(),
});

/** Parts of an account with separate usage and limits. */
export const workspaces = pgTable(
  'workspaces',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    name: text('name').notNull(),
    /** Who it was counted for; null where an API key made it. */
    createdBy: uuid('created_by'),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [
    uniqueIndex('workspaces_name').on(table.accountId, sql`lower(name)`),
    index('workspaces_account').on(table.accountId, table.id),
  ],
);

/** Responses of `POST /v1/responses`, which later requests continue. They contain what users wrote: never log them. */
export const storedModelResponses = pgTable(
  'stored_model_responses',
  {
    id: text('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    /** The end user with whose session token it was made: other session tokens do not reach it. */
    endUserId: uuid('end_user_id'),
    /** The response as JSON. As bytes, because PostgreSQL's JSON cannot contain every text. */
    response: bytes('response').notNull(),
    /** The items of the conversation up to its output, as JSON. */
    items: bytes('items').notNull(),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [
    index('stored_model_responses_account').on(table.accountId, table.createdAt),
    index('stored_model_responses_expiry').on(table.expiresAt),
  ],
);
