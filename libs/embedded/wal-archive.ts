/** Continuous archiving of the WAL, and recovery from it to a point in time (PostgreSQL 18, section 25.3). */
import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { preparePostgres, type RunAs } from './postgres-binaries.ts';

/** An idle server loses at most this much to a broken disk. */
const ARCHIVE_TIMEOUT = '60s';

/**
 * A path in the archive, for a command that the server runs in a shell.
 *
 * @throws Error when the shell, or the server, would change the name.
 */
function quote(folder: string, name: string): string {
  if (/["$`\\%]/.test(folder))
    throw new Error(`Archive the WAL in a folder without quotes, $ and %: ${folder}`);
  return `"${folder}/${name}"`;
}

/**
 * Settings of a server that copies each finished segment of its WAL into a folder, durably. A segment that is there already
 * must be equal.
 */
export function archiveSettings(folder: string): Record<string, string> {
  const segment = quote(folder, '%f');
  const partial = quote(folder, '%f.part');
  return {
    archive_mode: 'on',
    archive_timeout: ARCHIVE_TIMEOUT,
    archive_command: `if test -f ${segment}; then cmp -s "%p" ${segment}; else cp "%p" ${partial} && sync ${partial} && mv ${partial} ${segment}; fi`,
  };
}

/** Settings of a server that recovers from the archive, up to a time or to its end. */
export function recoverySettings(archive: string, until: Date | undefined): Record<string, string> {
  return {
    restore_command: `cp ${quote(archive, '%f')} "%p"`,
    // The names of time zones, Z included, are not known yet when the server reads this.
    ...(until && { recovery_target_time: until.toISOString().replace('Z', '+00') }),
    recovery_target_action: 'promote',
    // Clients are let in when the recovery has ended.
    hot_standby: 'off',
  };
}

/** Creates the folder of an archive for the account that the server in `dataFolder` runs as. */
export async function prepareArchive(folder: string, dataFolder: string): Promise<void> {
  const { runAs } = await preparePostgres(dataFolder);
  const isNew = !existsSync(folder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (isNew) own(folder, 0o700, runAs);
}

/** Makes the next start of the server recover from its archive. */
export function requestRecovery(dataFolder: string, runAs: RunAs): void {
  const file = path.join(dataFolder, 'recovery.signal');
  writeFileSync(file, '', { flush: true });
  own(file, 0o600, runAs);
}

function own(file: string, mode: number, { uid, gid }: RunAs): void {
  chmodSync(file, mode);
  if (uid !== undefined && gid !== undefined) chownSync(file, uid, gid);
}
