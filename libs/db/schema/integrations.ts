/** Tables of generation: external systems that accounts have connected, and documents that were published to them. */
import { index, integer, jsonb, pgTable, primaryKey, smallint, text, uuid } from 'drizzle-orm/pg-core';
import { INTEGRATION_PROVIDERS, PUBLICATION_PROVIDERS } from '#libs/contracts/integrations.ts';
import { instant } from './columns.ts';
import { documents } from './generations.ts';

/** A connection of an account to an external system. */
export const integrations = pgTable(
  'integrations',
  {
    accountId: uuid('account_id').notNull(),
    provider: text('provider', { enum: INTEGRATION_PROVIDERS }).notNull(),
    /** What is not secret: `parent_page_id` of Notion, `url` of a webhook. */
    settings: jsonb('settings').$type<Record<string, string>>().notNull(),
    /** The token, or the secret that signs: encrypted with a key that the database does not have. */
    secret: text('secret').notNull(),
    connectedBy: uuid('connected_by'),
    connectedAt: instant('connected_at').notNull(),
    lastUsedAt: instant('last_used_at'),
    /** Why the last use failed; null after a success. */
    lastError: text('last_error'),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.provider] })],
);

/** A document at an external system: its last publication there, and the one that is under way. */
export const documentPublications = pgTable(
  'document_publications',
  {
    documentId: uuid('document_id')
      .notNull()
      .references(() => documents.id, { onDelete: 'cascade' }),
    provider: text('provider', { enum: PUBLICATION_PROVIDERS }).notNull(),
    accountId: uuid('account_id').notNull(),
    status: text('status', { enum: ['publishing', 'published', 'failed'] }).notNull(),
    /** Names the request to publish. It is the same in all its attempts. */
    requestId: uuid('request_id').notNull(),
    /** Attempts at the request that have begun. */
    attempts: smallint('attempts').notNull(),
    /** The provider's id of the page; null before there is one. */
    externalId: text('external_id'),
    url: text('url'),
    /** When the request that creates the page was sent; null unless its answer is missing. */
    creationSentAt: instant('creation_sent_at'),
    /** The version of the document at the provider. */
    publishedVersion: integer('published_version'),
    publishedAt: instant('published_at'),
    errorCode: text('error_code'),
    errorDetail: text('error_detail'),
    requestedAt: instant('requested_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.documentId, table.provider] }),
    index('document_publications_account').on(table.accountId),
  ],
);
