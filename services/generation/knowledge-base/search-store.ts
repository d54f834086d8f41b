import { and, eq, inArray, sql } from 'drizzle-orm';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { kbChunks, kbFiles } from '#libs/db/schema/knowledge.ts';
import type { Chunk } from './domain/chunks.ts';
import type { KbFile, Passage } from './domain/file.ts';
import { configurationOf, prefixQuery, queryWords, SIMPLE, spaced } from './domain/search-text.ts';

const ROWS_PER_INSERT = 500;

/** Makes a file searchable. */
export async function insertChunks(
  tx: Tx,
  { id: fileId, accountId, name, language }: Pick<KbFile, 'id' | 'accountId' | 'name' | 'language'>,
  chunks: readonly Chunk[],
): Promise<void> {
  const configuration = configurationOf(language);
  const rows = chunks.map(({ heading, text }, position) => {
    const titles = spaced(`${name.replace(/[._-]+/g, ' ')} ${heading ?? ''}`);
    // Drizzle has no text search: the configuration is cast, and a match in a title weighs more.
    const lexemes = sql<string>`setweight(to_tsvector(${configuration}::regconfig, ${titles}), 'A')
      || setweight(to_tsvector(${configuration}::regconfig, ${spaced(text)}), 'D')`;
    return { fileId, position, accountId, heading, text, configuration, lexemes };
  });
  for (let start = 0; start < rows.length; start += ROWS_PER_INSERT) {
    await tx.insert(kbChunks).values(rows.slice(start, start + ROWS_PER_INSERT));
  }
}

export type PassageQuery = {
  accountId: string;
  /** Words of any form; a topic as it is written is a query. */
  query: string;
  /** ISO 639-1, of the query. It also finds files of other languages, by the words they share. */
  language: string | null;
  limit: number;
  /** Only these files; all of the account if absent. */
  fileIds?: readonly string[];
};

type PassageRow = Passage & { rank: number };

/**
 * The passages of an account's files that match a query best, the best first. Each file's words are compared in the
 * language of that file.
 */
export async function retrievePassages(
  db: Queryable,
  { accountId, query, language, limit, fileIds }: PassageQuery,
): Promise<Passage[]> {
  const words = queryWords(query);
  if (words.length === 0) return [];
  const anyWord = words.join(' | ');
  const own = configurationOf(language);
  const ofFiles = fileIds === undefined ? sql`` : sql`AND chunk.file_id IN ${[...fileIds]}`;
  // Drizzle cannot express text search: each configuration of the account stems the query in its own way.
  const { rows } = await db.execute<PassageRow>(sql`
    WITH queries AS (
      SELECT configuration,
             CASE configuration
               WHEN ${SIMPLE} THEN to_tsquery('simple', ${prefixQuery(words)})
               ELSE to_tsquery(configuration::regconfig, ${anyWord})
             END AS query
        FROM (SELECT DISTINCT configuration FROM kb_chunks WHERE account_id = ${accountId}) AS used
    )
    SELECT chunk.file_id || '#' || chunk.position AS id,
           chunk.file_id,
           file.name || coalesce(', ' || chunk.heading, '') AS title,
           chunk.text
      FROM queries
      JOIN kb_chunks AS chunk USING (configuration)
      JOIN kb_files AS file ON file.id = chunk.file_id
     WHERE chunk.account_id = ${accountId} AND chunk.lexemes @@ queries.query ${ofFiles}
     ORDER BY ts_rank_cd('{0.1, 0.2, 0.4, 0.6}', chunk.lexemes, queries.query, 1)
              * CASE chunk.configuration WHEN ${own} THEN 1.2 ELSE 1 END DESC,
              chunk.file_id, chunk.position
     LIMIT ${limit}`);
  return rows.map(({ id, file_id, title, text }) => ({ id, file_id, title, text }));
}

/** The beginnings of files. */
export function firstPassages(
  db: Queryable,
  accountId: string,
  fileIds: readonly string[],
  limit: number,
): Promise<Passage[]> {
  return db
    .select({
      id: sql<string>`${kbChunks.fileId} || '#' || ${kbChunks.position}`,
      file_id: kbChunks.fileId,
      title: sql<string>`${kbFiles.name} || coalesce(', ' || ${kbChunks.heading}, '')`,
      text: kbChunks.text,
    })
    .from(kbChunks)
    .innerJoin(kbFiles, eq(kbFiles.id, kbChunks.fileId))
    .where(and(eq(kbChunks.accountId, accountId), inArray(kbChunks.fileId, [...fileIds])))
    .orderBy(kbChunks.position, kbChunks.fileId)
    .limit(limit);
}
