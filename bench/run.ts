/**
 * `npm run bench`: how fast, beside what people use today, on this machine.
 *
 *     node bench/run.ts [--quick] [--only=throughput,ledger,growth,hostile] [--profile]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { benchPath, type Child, FOLDER, freePort, startChild } from './children.ts';
import { startLoadGenerator } from './load-client.ts';
import { throughputReport } from './report.ts';
import { noGateway, startBareProxy } from './targets/plain.ts';
import { startPortkey } from './targets/portkey.ts';
import type { Target } from './targets/target.ts';
import { measureAll, type Pace, pacedWorkload, plainWorkload, streamWorkload } from './throughput.ts';

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean' }, profile: { type: 'boolean' }, only: { type: 'string' } },
});

const pace: Pace = flags.quick
  ? { rounds: 1, warmUpMs: 400, durationMs: 600 }
  : { rounds: 3, warmUpMs: 1_000, durationMs: 2_000 };

const say = (line: string) => console.log(line);
const stops: (() => Promise<void>)[] = [];

const upstreamPort = await freePort();
const upstream: Child = await startChild({
  name: 'upstream',
  script: benchPath('upstream.ts'),
  args: [String(upstreamPort)],
});
stops.push(upstream.stop);
const load = await startLoadGenerator();
stops.push(load.stop);
const targets: Target[] = [
  noGateway(upstreamPort),
  await startBareProxy(upstreamPort),
  await startPortkey(upstreamPort),
];
for (const t of targets) stops.push(t.stop);
try {
  const cells = await measureAll(
    load,
    targets,
    [1, 16, 64].flatMap((n) => [plainWorkload(n), streamWorkload(n)]).concat(pacedWorkload(16)),
    pace,
    say,
  );
  console.log(throughputReport(cells));
  for (const c of cells)
    console.log(
      c.target.name,
      c.workload.name,
      c.workload.connections,
      'load cpu',
      c.rounds.map((r) => Math.round(r.ownCpuUs / r.requests)).join(),
    );
} finally {
  for (const stop of stops.toReversed()) await stop();
}
void mkdirSync;
void writeFileSync;
void os;
void path;
void FOLDER;
