/** The same calls and views with few and with many usage rows behind them: nothing may get slower as the ledger grows. */
import type { LoadJob, LoadResult } from './load.ts';
import type { LoadGenerator } from './load-client.ts';
import { ms, ratio, table, whole } from './report.ts';
import { cpuUsPerRequest, medianOf, requestsPerSecond } from './statistics.ts';
import {
  type Account,
  meteredTarget,
  ROOMY,
  type System,
  setLimits,
  startSystem,
} from './targets/inkmeter.ts';
import { type Pace, plainWorkload } from './throughput.ts';
import { addUsageRows } from './usage-rows.ts';

/** Four saturate two cores that also run the client, and then wait for each other. */
const VIEW_CONNECTIONS = 2;
const CALL_CONNECTIONS = 16;
const WARM_UP_MS = 3_000;
/** Of each measurement on each system: with the rows it takes about six minutes on two cores. */
const MAX_ROUNDS = 3;
/** Includes every view, sums by hour too. */
const PLAN = 'enterprise';
const DASHBOARD = 'dashboard';
/** With many rows. */
const DASHBOARD_GOAL_MS = 20;

const dayBefore = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);

/** The views of an account's owner, by their name in the table. */
const viewsOf = ({ userId }: Account): readonly (readonly [name: string, path: string])[] => [
  ['usage and limits', '/api/subscription/usage'],
  [DASHBOARD, `/api/subscription/dashboard/${userId}`],
  ['trends of 6 months', `/api/subscription/usage/${userId}/trends?months=6`],
  [
    '7 days by hour and model',
    `/api/usage/breakdown?from=${dayBefore(6)}&to=${dayBefore(0)}&group_by=model&granularity=hour`,
  ],
  ['30 days by model', `/api/usage/breakdown?from=${dayBefore(29)}&to=${dayBefore(0)}&group_by=model`],
  ['projection', '/api/usage/projection'],
  ['50 requests', '/api/usage/requests?limit=50'],
];

/** One of two systems, identical except for the size of their ledgers. */
type Subject = { system: System; account: Account; measured: Map<string, LoadResult[]> };

function jobsOf({ system, account }: Subject, { warmUpMs, durationMs }: Pace): [what: string, LoadJob][] {
  const { addresses, headers, processes, path } = meteredTarget(system, account);
  const job = { addresses, headers, processes, warmUpMs, durationMs };
  const { body, connections } = plainWorkload(CALL_CONNECTIONS);
  return [
    ['metered call', { ...job, path, body, connections }],
    ...viewsOf(account).map(([name, view]): [string, LoadJob] => [
      name,
      { ...job, method: 'GET', path: view, body: '', connections: VIEW_CONNECTIONS },
    ]),
  ];
}

export type GrowthOptions = {
  load: LoadGenerator;
  upstreamPort: number;
  /** The system with few rows; one with many rows is started too. */
  system: System;
  pace: Pace;
  rows: readonly [few: number, many: number];
  say: (line: string) => void;
};

/** @returns a Markdown table; the last columns show the growth of latency and CPU time. */
export async function measureGrowth(options: GrowthOptions): Promise<string> {
  const grown = await startSystem({ upstreamPort: options.upstreamPort, name: 'grown' });
  try {
    return await compare(options, grown);
  } finally {
    await grown.stop();
  }
}

async function compare({ load, system, pace, rows, say }: GrowthOptions, grown: System): Promise<string> {
  const [few, many] = rows;
  const fill = async (filled: System, count: number): Promise<Subject> => {
    const account = await filled.openAccount(ROOMY);
    await filled.assignPlan(account.id, PLAN);
    say(`adding ${whole(count)} usage rows`);
    await addUsageRows(filled.databaseUrl, account.id, count, say);
    return { system: filled, account, measured: new Map() };
  };
  const subjects: readonly [Subject, Subject] = [await fill(system, few), await fill(grown, many)];
  for (const subject of subjects) {
    // A new installation may have applied its catalogue to the account meanwhile.
    await setLimits(subject.system.databaseUrl, subject.account.id, ROOMY);
    for (const [what, job] of jobsOf(subject, pace)) {
      say(`warming up ${what}`);
      await load.run({ ...job, warmUpMs: 0, durationMs: WARM_UP_MS, requests: pace.coldRequests / 4 });
    }
  }
  for (let round = 0; round < Math.min(pace.rounds, MAX_ROUNDS); round += 1) {
    say(`round ${round + 1}`);
    for (const subject of subjects) {
      for (const [what, job] of jobsOf(subject, pace)) {
        const results = subject.measured.get(what) ?? [];
        subject.measured.set(what, [...results, await load.run(job)]);
      }
    }
  }
  return `${growthTable(subjects, rows)}\n\n${dashboardResult(subjects[1], many)}`;
}

function dashboardResult({ measured }: Subject, rows: number): string {
  const p95 = medianOf(measured.get(DASHBOARD) ?? [], ({ latencyMs }) => latencyMs.p95);
  const verdict = p95 < DASHBOARD_GOAL_MS ? 'below' : 'NOT below';
  return `The dashboard's p95 with ${whole(rows)} rows and ${VIEW_CONNECTIONS} connections is ${ms(p95)} ms, ${verdict} ${DASHBOARD_GOAL_MS} ms.`;
}

function growthTable(
  [before, after]: readonly [Subject, Subject],
  [few, many]: GrowthOptions['rows'],
): string {
  const p50 = (rounds: readonly LoadResult[]) => medianOf(rounds, ({ latencyMs }) => latencyMs.p50);
  const columns = (rounds: readonly LoadResult[]) => [
    whole(requestsPerSecond(rounds)),
    ms(p50(rounds)),
    ms(medianOf(rounds, ({ latencyMs }) => latencyMs.p95)),
    ms(medianOf(rounds, ({ latencyMs }) => latencyMs.p99)),
    whole(cpuUsPerRequest(rounds).total),
  ];
  const titles = (count: number) => [
    `requests/s, ${whole(count)} rows`,
    'p50 ms',
    'p95 ms',
    'p99 ms',
    'CPU µs',
  ];
  return table(
    ['what', ...titles(few), ...titles(many), 'p50 grew', 'CPU grew'],
    [...before.measured].map(([what, first]) => {
      const second = after.measured.get(what) ?? [];
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
