import type { LoadResult } from './load.ts';

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
  const names = new Set(rounds.flatMap(({ usage }) => Object.keys(usage)));
  const programs = new Map<string, number>();
  for (const name of names) {
    programs.set(
      name,
      medianOf(rounds, ({ usage, requests }) => (usage[name]?.cpuUs ?? 0) / requests),
    );
  }
  const sumOf = ({ usage }: LoadResult) => Object.values(usage).reduce((sum, { cpuUs }) => sum + cpuUs, 0);
  return { total: medianOf(rounds, (round) => sumOf(round) / round.requests), programs };
}

/** Resident memory of all programs that serve a target; memory they share counts once for each. */
export function memoryBytes(rounds: readonly LoadResult[]): number {
  return medianOf(rounds, ({ usage }) =>
    Object.values(usage).reduce((sum, { rssBytes }) => sum + rssBytes, 0),
  );
}
