/** Tables of generation: autopilots with their runs, and the messages of the inbox. */
import { sql } from 'drizzle-orm';
import {
  boolean,
  index,
  integer,
  jsonb,
  pgTable,
  smallint,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import {
  AUTOPILOT_STATUSES,
  MESSAGE_STATUSES,
  PAUSE_REASONS,
  RUN_STATUSES,
} from '#libs/contracts/autopilot-kinds.ts';
import { instant, owner } from './columns.ts';

/** Writes posts on a schedule, in the name of the user or the API key that created it. */
export const autopilots = pgTable(
  'autopilots',
  {
    id: uuid('id').primaryKey(),
    ...owner(),
    name: text('name').notNull(),
    /** What it writes about; null for one that follows a content plan. */
    topics: text('topics').array(),
    /** The content plan that it follows, entry by entry. */
    contentPlanId: uuid('content_plan_id'),
    networks: text('networks').array().notNull(),
    /** The connections to post through; for other networks, the first that was connected. */
    connectionIds: uuid('connection_ids').array().notNull(),
    language: text('language'),
    tone: text('tone'),
    brandVoice: text('brand_voice'),
    cron: text('cron').notNull(),
    timeZone: text('time_zone').notNull(),
    research: boolean('research').notNull(),
    ads: boolean('ads').notNull(),
    learn: boolean('learn').notNull(),
    autoPost: boolean('auto_post').notNull(),
    status: text('status', { enum: AUTOPILOT_STATUSES }).notNull(),
    pauseReason: text('pause_reason', { enum: PAUSE_REASONS }),
    /** Null while it is not active. */
    nextRunAt: instant('next_run_at'),
    /** Runs in a row that did not complete. */
    failures: smallint('failures').notNull(),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (table) => [
    index('autopilots_account').on(table.accountId, table.id),
    index('autopilots_due').on(table.nextRunAt).where(sql`status = 'active'`),
  ],
);

/** One run of an autopilot. */
export const autopilotRuns = pgTable(
  'autopilot_runs',
  {
    id: uuid('id').primaryKey(),
    autopilotId: uuid('autopilot_id')
      .notNull()
      .references(() => autopilots.id, { onDelete: 'cascade' }),
    accountId: uuid('account_id').notNull(),
    status: text('status', { enum: RUN_STATUSES }).notNull(),
    scheduledFor: instant('scheduled_for').notNull(),
    topic: text('topic').notNull(),
    /** Its content job, once there is one. */
    generationId: uuid('generation_id'),
    /** The number of the entry of the content plan, from 0. */
    entry: integer('entry'),
    /** Why this topic was chosen. */
    choice: jsonb('choice').$type<Record<string, unknown>>().notNull(),
    /** The request for content. */
    request: jsonb('request').$type<Record<string, unknown>>().notNull(),
    /** What the job reads in addition to its request. */
    inputs: jsonb('inputs').$type<Record<string, unknown>>().notNull(),
    /** Why it was refused or has failed. */
    problem: jsonb('problem').$type<Record<string, unknown>>(),
    /** What became of the post of each network. */
    posts: jsonb('posts').$type<Record<string, unknown>[]>().notNull(),
    createdAt: instant('created_at').notNull(),
    finishedAt: instant('finished_at'),
  },
  (table) => [
    index('autopilot_runs_autopilot').on(table.autopilotId, table.id),
    index('autopilot_runs_open').on(table.createdAt).where(sql`finished_at IS NULL`),
  ],
);

/** A message that someone wrote to the account at a network. Its text and author are not ours. */
export const inboxMessages = pgTable(
  'inbox_messages',
  {
    id: uuid('id').primaryKey(),
    ...owner(),
    network: text('network').notNull(),
    /** The network's id of the message. */
    externalId: text('external_id').notNull(),
    authorName: text('author_name').notNull(),
    authorHandle: text('author_handle'),
    authorEmail: text('author_email'),
    text: text('text').notNull(),
    receivedAt: instant('received_at').notNull(),
    status: text('status', { enum: MESSAGE_STATUSES }).notNull(),
    /** The content job that drafts replies, the latest. */
    draftId: uuid('draft_id'),
    /** The reply that was chosen. */
    reply: text('reply'),
    answeredAt: instant('answered_at'),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (table) => [
    uniqueIndex('inbox_messages_external').on(table.accountId, table.network, table.externalId),
    index('inbox_messages_account').on(table.accountId, table.id),
    index('inbox_messages_draft').on(table.draftId).where(sql`draft_id IS NOT NULL`),
  ],
);
