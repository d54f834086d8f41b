/** CPU time and memory of processes, as the Linux kernel counts them (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html). */
import { readdirSync, readFileSync } from 'node:fs';

/** The kernel reports CPU time in hundredths of a second (`getconf CLK_TCK`), independent of its own tick. */
const MICROSECONDS_PER_TICK = 10_000;
const BYTES_PER_KILOBYTE = 1_024;

/** An amount of something by the name of the program. */
export type ByProgram = Record<string, number>;

function readProc(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return null;
  }
}

/** The fields of `/proc/<pid>/stat` from the state on, counted from the last `)`: the name before it is free text. */
function statOf(pid: number): string[] | null {
  const stat = readProc(pid, 'stat');
  return stat === null ? null : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** User and system time, with that of children that have ended and were waited for: a tree's sum never falls. */
function cpuUsOf(pid: number): number {
  const fields = statOf(pid) ?? [];
  return [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index] ?? 0), 0) * MICROSECONDS_PER_TICK;
}

/** Resident memory, with this process's share of what it shares with others. */
function memoryBytesOf(pid: number): number {
  const [, kilobytes] = /\nPss: +(\d+) kB/.exec(readProc(pid, 'smaps_rollup') ?? '') ?? [];
  return Number(kilobytes ?? 0) * BYTES_PER_KILOBYTE;
}

/** `services/gateway/main.ts` becomes `gateway`, any process of PostgreSQL `postgres`. */
function nameOf(pid: number): string {
  // a zombie has no command line, but still a name and CPU times
  const command = (readProc(pid, 'cmdline') || readProc(pid, 'comm') || '').split('\0').join(' ');
  // by the program itself: the arguments of other programs may contain the address of a database
  if (/^(\S*\/)?postgres\b/.test(command)) return 'postgres';
  const script =
    /([\w-]+)\/main\.ts/.exec(command) ?? /([\w-]+)\.[cm]?[jt]s\b(?!.*\.[cm]?[jt]s\b)/.exec(command);
  return script?.[1] ?? 'other';
}

/** The processes and all that descend from them. */
export function treeOf(roots: readonly number[]): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    const parent = Number.isInteger(pid) ? statOf(pid)?.[1] : undefined;
    if (parent === undefined) continue;
    const siblings = children.get(Number(parent));
    if (siblings) siblings.push(pid);
    else children.set(Number(parent), [pid]);
  }
  const tree = new Set(roots);
  for (const pid of tree) for (const child of children.get(pid) ?? []) tree.add(child);
  return [...tree];
}

function sumByProgram(roots: readonly number[], read: (pid: number) => number): ByProgram {
  const tree = treeOf(roots);
  const sums: ByProgram = {};
  for (const pid of tree) {
    const name = nameOf(pid);
    sums[name] = (sums[name] ?? 0) + read(pid);
  }
  // A process that has just ended may not be counted at its parent yet.
  return treeOf(roots).join() === tree.join() ? sums : sumByProgram(roots, read);
}

/** CPU time in microseconds of the processes and all that descend from them, since each began. */
export const cpuUsByProgram = (roots: readonly number[]) => sumByProgram(roots, cpuUsOf);

/** Resident memory in bytes of the processes and all that descend from them; shared memory counts once. */
export const memoryBytesByProgram = (roots: readonly number[]) => sumByProgram(roots, memoryBytesOf);

export const total = (amounts: ByProgram) => Object.values(amounts).reduce((sum, amount) => sum + amount, 0);
