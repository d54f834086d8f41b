/** The same calls and views with few and with many usage rows behind them: nothing may get slower as the books grow. */
import type { LoadResult } from './load.ts';
import type { LoadGenerator } from './load-client.ts';
import { ms, ratio, table, whole } from './report.ts';
import { cpuUsPerRequest, medianOf, requestsPerSecond } from './statistics.ts';
import { type Account, meteredTarget, type System } from './targets/inkmeter.ts';
import { measure, type Pace, plainWorkload } from './throughput.ts';
import { addUsageRows } from './usage-rows.ts';

/** What an account's owner looks at. */
const VIEWS = ['/api/subscription/usage', '/api/usage/requests?limit=50'] as const;
const VIEW_CONNECTIONS = 4;
const CALL_CONNECTIONS = 16;

type Measured = Map<string, LoadResult[]>;

async function measureOnce(
  load: LoadGenerator,
  system: System,
  account: Account,
  pace: Pace,
): Promise<Measured> {
  const target = meteredTarget(system, account);
  const measured: Measured = new Map();
  const add = (what: string, result: LoadResult) =>
    measured.set(what, [...(measured.get(what) ?? []), result]);
  for (let round = 0; round < pace.rounds; round += 1) {
    add('metered call', await measure(load, target, plainWorkload(CALL_CONNECTIONS), pace));
    for (const path of VIEWS) {
      const { addresses, headers, processes } = target;
      const { warmUpMs, durationMs } = pace;
      const view = { method: 'GET', path, body: '', connections: VIEW_CONNECTIONS } as const;
      add(`GET ${path}`, await load.run({ ...view, addresses, headers, processes, warmUpMs, durationMs }));
    }
  }
  return measured;
}

export type GrowthOptions = {
  load: LoadGenerator;
  system: System;
  account: Account;
  pace: Pace;
  rows: readonly [few: number, many: number];
  say: (line: string) => void;
};

/** @returns a Markdown table; the last columns say how many times as long and as dear things became. */
export async function measureGrowth({
  load,
  system,
  account,
  pace,
  rows,
  say,
}: GrowthOptions): Promise<string> {
  const [few, many] = rows;
  const fill = async (from: number, to: number) => {
    say(`adding usage rows up to ${whole(to)}`);
    await addUsageRows(system.databaseUrl, account.id, { from, to });
  };
  await fill(0, few);
  const before = await measureOnce(load, system, account, pace);
  await fill(few, many);
  const after = await measureOnce(load, system, account, pace);
  const p50 = (rounds: readonly LoadResult[]) => medianOf(rounds, ({ latencyMs }) => latencyMs.p50);
  const p99 = (rounds: readonly LoadResult[]) => medianOf(rounds, ({ latencyMs }) => latencyMs.p99);
  return table(
    [
      'what',
      'requests/s',
      'p50 ms',
      'p99 ms',
      'CPU µs',
      `requests/s at ${whole(many)}`,
      'p50 ms',
      'p99 ms',
      'CPU µs',
      'p50 grew',
      'CPU grew',
    ],
    [...before].map(([what, first]) => {
      const second = after.get(what) ?? [];
      const columns = (rounds: readonly LoadResult[]) => [
        whole(requestsPerSecond(rounds)),
        ms(p50(rounds)),
        ms(p99(rounds)),
        whole(cpuUsPerRequest(rounds).total),
      ];
      return [
        what,
        ...columns(first),
        ...columns(second),
        ratio(p50(second), p50(first)),
        ratio(cpuUsPerRequest(second).total, cpuUsPerRequest(first).total),
      ];
    }),
  );
}
