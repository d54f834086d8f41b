/**
 * `npm run bench`: measures Inkmeter and today's alternatives on this machine.
 *
 *     npm run bench -- [--quick] [--only=throughput,floor,ledger,growth,hostile] [--connections=1,16,64] [--profile]
 *
 * Prints Markdown tables and saves them, with the raw figures, in .inkmeter/bench.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { benchPath, FOLDER, freePort, startChild } from './children.ts';
import { measureGrowth } from './growth.ts';
import { measureHostile } from './hostile.ts';
import { type LoadGenerator, startLoadGenerator } from './load-client.ts';
import { profile } from './profile.ts';
import { throughputReport } from './report.ts';
import {
  type Account,
  meteredTarget,
  ROOMY,
  type System,
  startHookOff,
  startSecondPair,
  startSystem,
} from './targets/inkmeter.ts';
import { noGateway, startBareProxy } from './targets/plain.ts';
import { startPortkey } from './targets/portkey.ts';
import type { Target } from './targets/target.ts';
import { startFloors } from './targets/two-hops.ts';
import {
  measureAll,
  type Pace,
  pacedWorkload,
  plainWorkload,
  streamWorkload,
  type Workload,
} from './throughput.ts';

const PARTS = ['throughput', 'floor', 'ledger', 'growth', 'hostile'] as const;
type Part = (typeof PARTS)[number];

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    profile: { type: 'boolean' },
    only: { type: 'string' },
    connections: { type: 'string' },
  },
});
const quick = flags.quick ?? false;

const pace: Pace = quick
  ? { rounds: 1, warmUpMs: 200, durationMs: 500, coldRequests: 2_000 }
  : { rounds: 5, warmUpMs: 500, durationMs: 2_000, coldRequests: 60_000 };
const usageRows = quick ? ([10_000, 200_000] as const) : ([10_000, 5_000_000] as const);
const connections = (flags.connections ?? (quick ? '16' : '1,16,64')).split(',').map(Number);

function chosenParts(): readonly Part[] {
  if (flags.only === undefined) return flags.profile ? [] : quick ? ['throughput'] : PARTS;
  const names = flags.only.split(',');
  const unknown = names.find((name) => !PARTS.includes(name as Part));
  if (unknown !== undefined) throw new Error(`Unknown part ${unknown}; there are ${PARTS.join(', ')}`);
  return names as Part[];
}

const say = (line: string) => console.error(`${new Date().toISOString().slice(11, 19)} ${line}`);
const parts = chosenParts();
const sections: string[] = [];
const raw: Record<string, unknown> = {};
const endings: (() => Promise<unknown>)[] = [];

function machine(): string {
  const [cpu] = os.cpus();
  const [one, five] = os.loadavg();
  return `${os.cpus().length} × ${cpu?.model.trim()}, ${Math.round(os.totalmem() / 1_073_741_824)} GB, ${os.type()} ${os.release()}, Node ${process.versions.node}; load before: ${one?.toFixed(2)} ${five?.toFixed(2)}`;
}

function add(title: string, text: string): void {
  const section = `## ${title}\n\n${text}\n`;
  sections.push(section);
  console.log(`\n${section}`);
}

/** Measures targets side by side and stops them: they would only take memory from what is measured next. */
async function sideBySide(
  part: Part,
  load: LoadGenerator,
  targets: readonly Target[],
  workloads: readonly Workload[],
): Promise<string> {
  endings.push(...targets.map(({ stop }) => stop));
  const cells = await measureAll(load, targets, workloads, pace, say);
  raw[part] = cells.map(({ target, workload, rounds }) => ({ target: target.name, ...workload, rounds }));
  for (const { stop } of targets) await stop();
  return throughputReport(cells);
}

async function throughput({ upstreamPort, load, system, account }: Context): Promise<string> {
  const targets = [
    noGateway(upstreamPort),
    await startBareProxy(upstreamPort),
    await startPortkey(upstreamPort),
    await startHookOff(system, account),
    meteredTarget(system, account),
    await startSecondPair(system, account),
  ];
  return sideBySide('throughput', load, targets, [
    ...connections.map(plainWorkload),
    ...connections.map(streamWorkload),
    ...(quick ? [] : [pacedWorkload(16)]),
  ]);
}

/** The lower bound of metering with two processes on this machine. */
async function floor({ upstreamPort, load, system, account }: Context): Promise<string> {
  const targets = [
    await startPortkey(upstreamPort),
    ...(await startFloors(upstreamPort, system, await system.openAccount(ROOMY))),
    meteredTarget(system, account),
  ];
  return sideBySide('floor', load, targets, connections.map(plainWorkload));
}

/** The ledger benchmark has its own database, load and table. */
function ledgerAlone(): Promise<string> {
  const child = spawn(process.execPath, [benchPath('ledger.ts'), ...(quick ? ['--quick'] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (data: Buffer) => {
    text += data.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(text.trim());
      else reject(new Error(`bench/ledger.ts ended with ${code}:\n${text}`));
    });
  });
}

type Context = {
  upstreamPort: number;
  load: LoadGenerator;
  system: System;
  account: Account;
};

async function startContext(): Promise<Context> {
  const upstreamPort = await freePort();
  const upstream = await startChild({
    name: 'upstream',
    script: benchPath('upstream.ts'),
    args: [String(upstreamPort)],
  });
  endings.push(upstream.stop);
  const load = await startLoadGenerator();
  endings.push(load.stop);
  say('starting Inkmeter');
  const system = await startSystem({ upstreamPort });
  endings.push(system.stop);
  return { upstreamPort, load, system, account: await system.openAccount(ROOMY) };
}

async function run(): Promise<void> {
  const header = `# Benchmarks\n\n${new Date().toISOString()}, ${machine()}\n`;
  sections.push(header);
  console.log(header);
  if (parts.includes('ledger')) add('The ledger alone', await ledgerAlone());
  if (!flags.profile && parts.every((part) => part === 'ledger')) return;
  const context = await startContext();
  if (parts.includes('throughput')) add('Side by side', await throughput(context));
  if (parts.includes('floor')) add('What cannot be cheaper', await floor(context));
  if (flags.profile) {
    const profiles = await profile({
      ...context,
      workload: plainWorkload(16),
      pace: { ...pace, durationMs: 8_000 },
    });
    add('Where the time goes', profiles);
  }
  if (parts.includes('hostile'))
    add('Bad and hostile input', await measureHostile({ ...context, quick, say }));
  if (parts.includes('growth')) {
    add('As the ledger grows', await measureGrowth({ ...context, pace, rows: usageRows, say }));
  }
}

try {
  await run();
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(path.join(FOLDER, 'latest.md'), sections.join('\n'));
  writeFileSync(path.join(FOLDER, 'latest.json'), JSON.stringify(raw, null, 1));
  say(`saved in ${path.join(FOLDER, 'latest.md')}`);
} finally {
  for (const end of endings.toReversed()) await end();
}
