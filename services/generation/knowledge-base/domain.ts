import type { PageQuery } from '#libs/contracts/page.ts';
import type { Connection } from '#libs/db/transaction.ts';
import type { Owner } from '#libs/ledger/quota-resources.ts';

/** The meter that counts them. */
export const KB_FILES = 'kb.files';

/** A text that an account's content is written with in mind. */
export type KbFile = {
  id: string;
  owner: Owner;
  name: string;
  mediaType: string;
  sizeBytes: number;
  createdAt: Date;
};

export type KbFileStore = {
  /** Newest first, one more than asked for, without their content. */
  list: (accountId: string, query: PageQuery) => Promise<KbFile[]>;
  find: (accountId: string, id: string) => Promise<(KbFile & { content: string }) | undefined>;
  /** In a transaction that also counts it. */
  insert: (database: Connection, file: KbFile & { content: string }) => Promise<void>;
  /** And gives back what it counted. @returns whether there was one. */
  remove: (accountId: string, id: string) => Promise<boolean>;
};
