/** Tables of generation: answers kept for callers that may ask again, and what accounts publish and know. */
import { sql } from 'drizzle-orm';
import { index, integer, jsonb, pgTable, smallint, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { bytes, instant } from './columns.ts';

/** The answer of a request that carried an `Idempotency-Key`: it survives the gateway that asked for it. */
export const generationResults = pgTable('generation_results', {
  requestId: uuid('request_id').primaryKey(),
  accountId: uuid('account_id').notNull(),
  state: text('state', { enum: ['running', 'done'] }).notNull(),
  /** Renewed while the work runs; past it, the process that ran it is gone. */
  leaseUntil: instant('lease_until').notNull(),
  status: integer('status'),
  headers: jsonb('headers'),
  body: bytes('body'),
  createdAt: instant('created_at').notNull(),
});

// Things of accounts. Each remembers whom it was counted for, so that it is given back to the same.

const owner = {
  accountId: uuid('account_id').notNull(),
  userId: uuid('user_id'),
  keyId: uuid('key_id'),
  workspaceId: uuid('workspace_id'),
};

/** An account at a social network that posts can be published through. */
export const socialConnections = pgTable(
  'social_connections',
  {
    id: uuid('id').primaryKey(),
    ...owner,
    platform: text('platform').notNull(),
    /** Without a leading `@`. */
    handle: text('handle').notNull(),
    /** What the publisher knows the credentials by. They themselves are stored nowhere here. */
    credentialReference: text('credential_reference').notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [
    uniqueIndex('social_connections_handle').on(table.accountId, table.platform, sql`lower(handle)`),
    index('social_connections_account').on(table.accountId, table.id),
  ],
);

export const socialPosts = pgTable(
  'social_posts',
  {
    id: uuid('id').primaryKey(),
    ...owner,
    connectionId: uuid('connection_id').notNull(),
    text: text('text').notNull(),
    state: text('state', { enum: ['draft', 'scheduled', 'published', 'failed'] }).notNull(),
    scheduledAt: instant('scheduled_at'),
    /** When to try next; later than `scheduled_at` after a failure. */
    dueAt: instant('due_at'),
    attempts: smallint('attempts').notNull().default(0),
    /** Whoever publishes it has until then; past it, another may take over. */
    claimedUntil: instant('claimed_until'),
    /** The decision it was counted under; null while it does not count. */
    holdId: uuid('hold_id'),
    publishedAt: instant('published_at'),
    externalId: text('external_id'),
    externalUrl: text('external_url'),
    failureCode: text('failure_code'),
    failureDetail: text('failure_detail'),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [
    index('social_posts_account').on(table.accountId, table.id),
    index('social_posts_due').on(table.dueAt).where(sql`state = 'scheduled'`),
  ],
);

/** A text that an account's content is written with in mind. */
export const kbFiles = pgTable(
  'kb_files',
  {
    id: uuid('id').primaryKey(),
    ...owner,
    name: text('name').notNull(),
    mediaType: text('media_type').notNull(),
    sizeBytes: integer('size_bytes').notNull(),
    content: text('content').notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [index('kb_files_account').on(table.accountId, table.id)],
);
