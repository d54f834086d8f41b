import type { kbFiles } from '#libs/db/schema/knowledge.ts';

/** The meter that counts the files of an account. */
export const KB_FILES = 'kb.files';

/** A text that the account's content should follow. */
export type KbFile = typeof kbFiles.$inferSelect;

/** A file without its content, as lists show it. */
export type KbFileSummary = Omit<KbFile, 'content'>;
