import type { documents, documentVersions } from '#libs/db/schema/generations.ts';

export type DocumentRow = typeof documents.$inferSelect;
export type VersionRow = typeof documentVersions.$inferSelect;
