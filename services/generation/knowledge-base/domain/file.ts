import type { kbFiles } from '#libs/db/schema/knowledge.ts';

/** The meters that count the files of an account, and their bytes. */
export const KB_FILES = 'kb.files';
export const KB_BYTES = 'kb.bytes';

/** A text that the account's content can draw on. */
export type KbFile = typeof kbFiles.$inferSelect;

/** A file without its content, as lists show it. */
export type KbFileSummary = Omit<KbFile, 'content'>;

/** A passage that matches a query, to be cited by its id. */
export type Passage = {
  /** Stable as long as the file exists. */
  id: string;
  file_id: string;
  /** The name of the file, with the nearest heading or the page. */
  title: string;
  text: string;
};
