import type { Tx } from '#libs/db/database.ts';
import { replaceSection } from '#libs/pipelines/content/sections.ts';
import type { DocumentContent } from '#libs/pipelines/content/step.ts';
import { addVersion, findDocument, lockDocument } from '../documents/store.ts';
import type { Job } from './domain/job.ts';

/**
 * Writes a rewritten section as a new version of its document: into the newest, so that edits made meanwhile stay, or into
 * the version that was read if the newest does not have that section any more.
 *
 * @returns undefined for a job that rewrites nothing, and for a document that was deleted meanwhile.
 */
export async function writeRewrite(
  tx: Tx,
  { row, brief: { inputs } }: Pick<Job, 'row' | 'brief'>,
  { markdown: section }: DocumentContent,
  now: Date,
): Promise<{ id: string; version: number; title: string } | undefined> {
  const { rewrite, source } = inputs;
  const id = source?.document_id;
  if (rewrite === undefined || !id) return undefined;
  const document = await lockDocument(tx, row.accountId, id);
  const newest = document && (await findDocument(tx, row.accountId, id));
  const base = newest && (await findDocument(tx, row.accountId, id, rewrite.version));
  if (document === undefined || newest === undefined || base === undefined) return undefined;
  const { section: number, text } = rewrite;
  const [from, markdown] = [newest, base]
    .map((found) => [found, replaceSection(found.version.markdown, number, text, section)] as const)
    .find(([, replaced]) => replaced !== undefined) ?? [newest, undefined];
  if (markdown === undefined) return undefined;
  const version = document.version + 1;
  const { userId } = row;
  await addVersion(tx, { ...from.version, version, source: 'rewritten', markdown, userId, createdAt: now });
  return { id, version, title: from.version.title };
}
