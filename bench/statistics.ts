import type { LoadResult } from './load.ts';
import { total } from './processes.ts';

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2;
}

export const requestsPerSecond = (rounds: readonly LoadResult[]) =>
  median(rounds.map(({ requests, seconds }) => requests / seconds));

export const medianOf = (rounds: readonly LoadResult[], read: (round: LoadResult) => number) =>
  median(rounds.map(read));

/** CPU time per request, of each program that serves it, and of all of them together. */
export function cpuUsPerRequest(rounds: readonly LoadResult[]): {
  total: number;
  programs: Map<string, number>;
} {
  const names = new Set(rounds.flatMap(({ cpuUs }) => Object.keys(cpuUs)));
  const programs = new Map<string, number>();
  for (const name of names) {
    programs.set(
      name,
      medianOf(rounds, ({ cpuUs, requests }) => (cpuUs[name] ?? 0) / requests),
    );
  }
  return { total: medianOf(rounds, ({ cpuUs, requests }) => total(cpuUs) / requests), programs };
}

/** Resident memory of all programs that serve a target. */
export const memoryOf = (rounds: readonly LoadResult[]) =>
  medianOf(rounds, ({ memoryBytes }) => total(memoryBytes));
