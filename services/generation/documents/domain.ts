import type { DocumentSummaryView, DocumentView } from '#libs/contracts/documents.ts';
import type { documents, documentVersions } from '#libs/db/schema/generations.ts';

export type DocumentRow = typeof documents.$inferSelect;
export type VersionRow = typeof documentVersions.$inferSelect;

export function presentSummary(row: DocumentRow): DocumentSummaryView {
  return {
    id: row.id,
    content_type: row.type as DocumentSummaryView['content_type'],
    title: row.title,
    language: row.language,
    version: row.version,
    generation_id: row.generationId,
    parent_id: row.parentId,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}

/** A document as one of its versions. */
export function presentDocument(row: DocumentRow, version: VersionRow): DocumentView {
  return {
    ...presentSummary(row),
    title: version.title,
    version: version.version,
    source: version.source,
    content: version.content,
    markdown: version.markdown,
  };
}
