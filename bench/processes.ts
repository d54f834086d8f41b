/** What processes cost, as the Linux kernel counts it (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html). */
import { readdirSync, readFileSync } from 'node:fs';

/** The kernel reports CPU time in hundredths of a second, whatever its own tick is (`getconf CLK_TCK`). */
const MICROSECONDS_PER_TICK = 10_000;
const BYTES_PER_PAGE = 4_096;

type ProcessStat = { pid: number; parent: number; cpuUs: number; rssBytes: number };

/** Cost by the name of the program. CPU counts from the start of each process. */
export type Usage = Record<string, { cpuUs: number; rssBytes: number }>;

function readProc(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return null;
  }
}

/** CPU time includes that of children that have ended and were waited for, so a tree's sum never falls. */
function statOf(pid: number): ProcessStat | null {
  const stat = readProc(pid, 'stat');
  if (stat === null) return null;
  // counted from the last `)`, because the name before it is free text
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
  return {
    pid,
    parent: Number(fields[1]),
    cpuUs: ticks * MICROSECONDS_PER_TICK,
    rssBytes: Number(fields[21]) * BYTES_PER_PAGE,
  };
}

/** `services/gateway/main.ts` becomes `gateway`, any process of PostgreSQL `postgres`. */
function nameOf(pid: number): string {
  const command = (readProc(pid, 'cmdline') ?? '').split('\0').join(' ');
  if (/postgres/.test(command)) return 'postgres';
  const script =
    /([\w-]+)\/main\.ts/.exec(command) ?? /([\w-]+)\.[cm]?[jt]s\b(?!.*\.[cm]?[jt]s\b)/.exec(command);
  return script?.[1] ?? 'other';
}

/** The processes and all that descend from them. */
export function treeOf(roots: readonly number[]): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    const stat = /^\d+$/.test(entry) ? statOf(Number(entry)) : null;
    if (stat === null) continue;
    const siblings = children.get(stat.parent);
    if (siblings) siblings.push(stat.pid);
    else children.set(stat.parent, [stat.pid]);
  }
  const tree = new Set(roots);
  for (const pid of tree) for (const child of children.get(pid) ?? []) tree.add(child);
  return [...tree];
}

/** What the processes and all that descend from them have cost so far. Shared memory counts in each process. */
export function usageOf(roots: readonly number[]): Usage {
  const usage: Usage = {};
  for (const pid of treeOf(roots)) {
    const stat = statOf(pid);
    if (stat === null) continue;
    const name = nameOf(pid);
    const sum = usage[name] ?? { cpuUs: 0, rssBytes: 0 };
    usage[name] = { cpuUs: sum.cpuUs + stat.cpuUs, rssBytes: sum.rssBytes + stat.rssBytes };
  }
  return usage;
}
