/** Tables of generation: content jobs with their steps and events, and the documents that they produce. */
import { sql } from 'drizzle-orm';
import {
  bigint,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  uuid,
} from 'drizzle-orm/pg-core';
import { amount, instant, owner } from './columns.ts';

export const GENERATION_STATUSES = [
  'queued',
  'running',
  'needs_approval',
  'completed',
  'failed',
  'cancelled',
] as const;

/** The status of a step: it waits for others, may start, has a job in the queue, runs, or has ended. */
export const STEP_STATUSES = [
  'waiting',
  'ready',
  'queued',
  'running',
  'succeeded',
  'failed',
  'skipped',
] as const;

/** Why a job or a step failed, as its owner sees it. */
export type GenerationFailure = { code: string; detail: string; step?: string };

/** A content job: `POST /api/generations`. Its id is the id of the request that created it. */
export const generations = pgTable(
  'generations',
  {
    id: uuid('id').primaryKey(),
    ...owner(),
    /** The job whose result this one starts from. */
    parentId: uuid('parent_id'),
    status: text('status', { enum: GENERATION_STATUSES }).notNull(),
    /** The validated request. */
    request: jsonb('request').$type<Record<string, unknown>>().notNull(),
    /** Texts that the job reads in addition to its request, as they were when it was created. */
    context: jsonb('context').$type<Record<string, unknown>>().notNull(),
    contentTypes: text('content_types').array().notNull(),
    model: text('model').notNull(),
    /** Share of the requested length that the budget allows, in thousandths. */
    scale: smallint('scale').notNull(),
    percent: smallint('percent').notNull(),
    /** Equal requests have the same key; null for a job whose result is not shared. */
    cacheKey: text('cache_key'),
    /** The job of an equal request whose result this one takes. */
    copyOf: uuid('copy_of'),
    /** The open hold that pays for the steps; null while there is none. */
    holdId: uuid('hold_id'),
    holdExpiresAt: instant('hold_expires_at'),
    /** Steps of the account that may run at the same time. */
    maxParallel: smallint('max_parallel').notNull(),
    /** Of the plan; higher starts earlier. */
    priority: smallint('priority').notNull(),
    error: jsonb('error').$type<GenerationFailure>(),
    costNanoUsd: amount('cost_nano_usd').notNull(),
    tokens: bigint('tokens', { mode: 'number' }).notNull(),
    createdAt: instant('created_at').notNull(),
    /** When its status, its progress or its cost was changed last. */
    updatedAt: instant('updated_at').notNull().defaultNow(),
    startedAt: instant('started_at'),
    finishedAt: instant('finished_at'),
  },
  (table) => [
    index('generations_account').on(table.accountId, table.id),
    index('generations_cache_key').on(table.cacheKey, table.id).where(sql`cache_key IS NOT NULL`),
    index('generations_copies').on(table.copyOf).where(sql`copy_of IS NOT NULL`),
    index('generations_open').on(table.holdExpiresAt).where(sql`hold_id IS NOT NULL`),
  ],
);

/** A step of a job. Its result and the settlement of its last call are written in one transaction. */
export const generationSteps = pgTable(
  'generation_steps',
  {
    generationId: uuid('generation_id')
      .notNull()
      .references(() => generations.id, { onDelete: 'cascade' }),
    key: text('key').notNull(),
    accountId: uuid('account_id').notNull(),
    position: smallint('position').notNull(),
    status: text('status', { enum: STEP_STATUSES }).notNull(),
    /** Planned provider calls with their prices: the first, and those that continue or repair it. */
    calls: jsonb('calls').$type<Record<string, unknown>[]>().notNull(),
    /** The hold that these calls are settled under. */
    holdId: uuid('hold_id').notNull(),
    /** Calls that may have been sent. */
    callsStarted: smallint('calls_started').notNull(),
    callsSettled: smallint('calls_settled').notNull(),
    /** The model that answered last; null until one has. */
    model: text('model'),
    /** What the second call corrects in the answer of the first. */
    repair: jsonb('repair').$type<Record<string, unknown>>(),
    output: jsonb('output').$type<Record<string, unknown>>(),
    /** Constraints that the output does not meet, although it was repaired. */
    warnings: text('warnings').array().notNull().default([]),
    error: jsonb('error').$type<GenerationFailure>(),
    costNanoUsd: amount('cost_nano_usd').notNull(),
    tokens: bigint('tokens', { mode: 'number' }).notNull(),
    startedAt: instant('started_at'),
    finishedAt: instant('finished_at'),
  },
  (table) => [
    primaryKey({ columns: [table.generationId, table.key] }),
    index('generation_steps_ready')
      .on(table.accountId, table.generationId, table.position)
      .where(sql`status = 'ready'`),
    index('generation_steps_active').on(table.accountId).where(sql`status IN ('queued', 'running')`),
  ],
);

/** What happened to a job, in order: the server-sent events of `GET /api/generations/{id}/events`. */
export const generationEvents = pgTable(
  'generation_events',
  {
    id: bigint('id', { mode: 'number' }).generatedAlwaysAsIdentity().primaryKey(),
    generationId: uuid('generation_id')
      .notNull()
      .references(() => generations.id, { onDelete: 'cascade' }),
    type: text('type').notNull(),
    data: jsonb('data').$type<Record<string, unknown>>().notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [index('generation_events_job').on(table.generationId, table.id)],
);

/** A result of a job, which outlives it. */
export const documents = pgTable(
  'documents',
  {
    id: uuid('id').primaryKey(),
    ...owner(),
    /** The job that produced it; kept after that is deleted. */
    generationId: uuid('generation_id').notNull(),
    /** The document that it was made from. */
    parentId: uuid('parent_id'),
    type: text('type').notNull(),
    /** Which of several alternatives of one job, from 1. */
    variant: smallint('variant').notNull(),
    title: text('title').notNull(),
    language: text('language'),
    /** The newest version. */
    version: integer('version').notNull(),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (table) => [
    index('documents_account').on(table.accountId, table.id),
    index('documents_generation').on(table.generationId),
  ],
);

/** One version of a document; never changed. */
export const documentVersions = pgTable(
  'document_versions',
  {
    documentId: uuid('document_id')
      .notNull()
      .references(() => documents.id, { onDelete: 'cascade' }),
    version: integer('version').notNull(),
    source: text('source', { enum: ['generated', 'edited', 'rewritten'] }).notNull(),
    title: text('title').notNull(),
    /** The fields of the content type, such as the slug of a blog or the posts of each network. */
    content: jsonb('content').$type<Record<string, unknown>>().notNull(),
    markdown: text('markdown').notNull(),
    /** The user who edited it; null for generated ones and for API keys. */
    userId: uuid('user_id'),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.documentId, table.version] })],
);
