import { readFileSync } from 'node:fs';

/** A process and its start time, so that a later process with the same pid is not mistaken for it. */
export type ProcessIdentity = { pid: number; startedAt: string | null };

/**
 * The state and start time of a process from `/proc`, or null where there is none.
 * Fields 3 and 22 of `/proc/<pid>/stat`, counted from the last `)` because the name before it is free text
 * (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html).
 */
function statOf(pid: number): { state: string | undefined; startedAt: string | undefined } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0], startedAt: fields[19] };
  } catch {
    return null;
  }
}

/** The identity of a running process, this one by default. */
export function identify(pid: number = process.pid): ProcessIdentity {
  return { pid, startedAt: statOf(pid)?.startedAt ?? null };
}

/** Whether exactly that process still runs. */
export function isAlive({ pid, startedAt }: ProcessIdentity): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, but under another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const stat = statOf(pid);
  // A zombie keeps its pid until its parent collects it; a container may have no init process to do so.
  if (stat?.state === 'Z') return false;
  return startedAt === null || stat?.startedAt === startedAt;
}

/** The short name of a running program, or null if it has ended or the platform has no `/proc`. */
export function programName(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return null;
  }
}
