/** Tables of generation: stored responses, social connections and posts. */
import { sql } from 'drizzle-orm';
import {
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { bytes, instant, owner } from './columns.ts';

/** The response to a request with an `Idempotency-Key`, which outlives the gateway that sent the request. */
export const generationResults = pgTable('generation_results', {
  requestId: uuid('request_id').primaryKey(),
  accountId: uuid('account_id').notNull(),
  state: text('state', { enum: ['running', 'done'] }).notNull(),
  /** Renewed while the request runs. Once it has passed, the process that ran the request is gone. */
  leaseUntil: instant('lease_until').notNull(),
  status: integer('status'),
  headers: jsonb('headers').$type<Record<string, string>>(),
  body: bytes('body'),
  createdAt: instant('created_at').notNull(),
});

// Resources of accounts. Each row names the owner it was counted for, so that the same owner is credited on deletion.

/** An account at a social network that posts can be published through. */
export const socialConnections = pgTable(
  'social_connections',
  {
    id: uuid('id').primaryKey(),
    ...owner(),
    platform: text('platform').notNull(),
    /** Without a leading `@`. */
    handle: text('handle').notNull(),
    /** The publisher's reference to the credentials, which are stored only there. */
    credentialReference: text('credential_reference').notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [
    uniqueIndex('social_connections_handle').on(table.accountId, table.platform, sql`lower(handle)`),
    index('social_connections_account').on(table.accountId, table.id),
  ],
);

/** Figures of a published post. */
export type PostResults = { impressions: number; engagements: number; clicks: number };

export const socialPosts = pgTable(
  'social_posts',
  {
    id: uuid('id').primaryKey(),
    ...owner(),
    connectionId: uuid('connection_id').notNull(),
    text: text('text').notNull(),
    state: text('state', { enum: ['draft', 'scheduled', 'published', 'failed', 'unknown'] }).notNull(),
    scheduledAt: instant('scheduled_at'),
    /** Time of the next attempt; later than `scheduled_at` after a failed one. */
    dueAt: instant('due_at'),
    attempts: smallint('attempts').notNull().default(0),
    /** Set during an attempt to publish. Once it has passed, the outcome of the attempt is unknown. */
    claimedUntil: instant('claimed_until'),
    /** The hold under which the post is counted; null while it does not count. */
    holdId: uuid('hold_id'),
    publishedAt: instant('published_at'),
    externalId: text('external_id'),
    externalUrl: text('external_url'),
    failureCode: text('failure_code'),
    failureDetail: text('failure_detail'),
    /** The run of an autopilot that wrote it. */
    autopilotRunId: uuid('autopilot_run_id'),
    /** How readers reacted, as it was reported last. */
    results: jsonb('results').$type<PostResults>(),
    resultsAt: instant('results_at'),
    createdAt: instant('created_at').notNull(),
    /** When the state was changed last. */
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [
    index('social_posts_account').on(table.accountId, table.id),
    index('social_posts_due').on(table.dueAt).where(sql`state = 'scheduled'`),
    index('social_posts_run').on(table.autopilotRunId).where(sql`autopilot_run_id IS NOT NULL`),
  ],
);

/** The models that a provider lists, as they were last read. */
export const vendorModels = pgTable(
  'vendor_models',
  {
    provider: text('provider').notNull(),
    model: text('model').notNull(),
    firstSeenAt: instant('first_seen_at').notNull(),
    seenAt: instant('seen_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.provider, table.model] })],
);
