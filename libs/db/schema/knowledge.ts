/** Tables of generation: instructions and knowledge that content follows, and stored media. */
import { sql } from 'drizzle-orm';
import {
  boolean,
  customType,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { instant, owner } from './columns.ts';

const tsvector = customType<{ data: string }>({ dataType: () => 'tsvector' });

export const INSTRUCTION_KINDS = ['brand_voice', 'prompt'] as const;

/** A brand voice or a custom prompt. Its content is in its versions. */
export const instructions = pgTable(
  'instructions',
  {
    id: uuid('id').primaryKey(),
    ...owner(),
    kind: text('kind', { enum: INSTRUCTION_KINDS }).notNull(),
    name: text('name').notNull(),
    /** The brand voice of every content of the workspace that names no other. */
    isDefault: boolean('is_default').notNull(),
    /** The newest version. */
    version: integer('version').notNull(),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (table) => [
    index('instructions_account').on(table.accountId, table.kind, table.id),
    uniqueIndex('instructions_name').on(table.accountId, table.kind, sql`lower(name)`),
    // Rows without a workspace belong to the account itself.
    uniqueIndex('instructions_default')
      .on(table.accountId, table.kind, sql`coalesce(workspace_id, account_id)`)
      .where(sql`is_default`),
  ],
);

/** One version of a brand voice or a custom prompt; never changed. */
export const instructionVersions = pgTable(
  'instruction_versions',
  {
    instructionId: uuid('instruction_id')
      .notNull()
      .references(() => instructions.id, { onDelete: 'cascade' }),
    version: integer('version').notNull(),
    content: jsonb('content').$type<Record<string, unknown>>().notNull(),
    /** The user who wrote it; null for API keys. */
    userId: uuid('user_id'),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.instructionId, table.version] })],
);

/** A document of the knowledge base, as text. */
export const kbFiles = pgTable(
  'kb_files',
  {
    id: uuid('id').primaryKey(),
    ...owner(),
    name: text('name').notNull(),
    mediaType: text('media_type').notNull(),
    /** Of the file as it was sent or fetched. */
    sizeBytes: integer('size_bytes').notNull(),
    /** The text of the file. */
    content: text('content').notNull(),
    /** Where it was fetched from; null for uploads. */
    sourceUrl: text('source_url'),
    /** ISO 639-1; null if unknown. */
    language: text('language'),
    createdAt: instant('created_at').notNull(),
  },
  (table) => [index('kb_files_account').on(table.accountId, table.id)],
);

/** A passage of a file, as search finds it. */
export const kbChunks = pgTable(
  'kb_chunks',
  {
    fileId: uuid('file_id')
      .notNull()
      .references(() => kbFiles.id, { onDelete: 'cascade' }),
    position: integer('position').notNull(),
    accountId: uuid('account_id').notNull(),
    /** The nearest heading above it; null without one. */
    heading: text('heading'),
    text: text('text').notNull(),
    /** The text search configuration of PostgreSQL that `lexemes` was made with. */
    configuration: text('configuration').notNull(),
    lexemes: tsvector('lexemes').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.fileId, table.position] }),
    index('kb_chunks_account').on(table.accountId, table.configuration),
    index('kb_chunks_lexemes').using('gin', table.lexemes),
  ],
);

/** A file in storage that responses link to. */
export const mediaFiles = pgTable(
  'media_files',
  {
    id: uuid('id').primaryKey(),
    ...owner(),
    /** Its key in storage. */
    storageKey: text('storage_key').notNull(),
    mediaType: text('media_type').notNull(),
    sizeBytes: integer('size_bytes').notNull(),
    /** Of an uploaded recording, at most; null for other files. */
    seconds: integer('seconds'),
    createdAt: instant('created_at').notNull(),
    /** When the file and this row are deleted. */
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [
    index('media_files_account').on(table.accountId, table.id),
    index('media_files_expiry').on(table.expiresAt),
  ],
);
