import { execFile } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

type Journal = { entries: { idx: number; tag: string; when: number }[] };

/**
 * Faults of a migrations folder's journal. Dates must rise strictly: they identify applied migrations, and Drizzle's own
 * migrator skips one that is dated before the last one applied.
 */
export function findJournalFaults(journal: Journal, files: string[]): string[] {
  const faults: string[] = [];
  for (const [index, entry] of journal.entries.entries()) {
    const previous = journal.entries[index - 1];
    if (entry.idx !== index) faults.push(`${entry.tag} has index ${entry.idx} at position ${index}`);
    if (previous && entry.when <= previous.when)
      faults.push(`${entry.tag} is not dated after ${previous.tag}: it would be skipped silently`);
  }
  const tags = new Set(journal.entries.map(({ tag }) => `${tag}.sql`));
  for (const file of files) if (!tags.has(file)) faults.push(`${file} is not in the journal`);
  for (const tag of tags)
    if (!files.includes(tag)) faults.push(`${tag} is in the journal but does not exist`);
  return faults;
}

/** Faults of the repository's journal. */
export function checkJournal(folder = 'migrations'): string[] {
  const journal = JSON.parse(readFileSync(path.join(folder, 'meta/_journal.json'), 'utf8')) as Journal;
  return findJournalFaults(journal, globSync('*.sql', { cwd: folder }));
}

/** SQL that the schema requires and no migration contains, generated in a copy of the folder. */
export async function findDrift(): Promise<string[]> {
  const copy = mkdtempSync('.inkmeter-migrations-');
  try {
    cpSync('migrations', copy, { recursive: true });
    const before = new Set(globSync('*.sql', { cwd: copy }));
    const options = [
      '--dialect=postgresql',
      '--schema=libs/db/schema/index.ts',
      `--out=${copy}`,
      '--name=drift',
    ];
    await run('drizzle-kit', ['generate', ...options]);
    return globSync('*.sql', { cwd: copy })
      .filter((file) => !before.has(file))
      .map(
        (file) => `the schema is ahead of the migrations:\n${readFileSync(path.join(copy, file), 'utf8')}`,
      );
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
