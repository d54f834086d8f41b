/**
 * `npm run bench`: measures Inkmeter and today's alternatives on this machine.
 *
 *     npm run bench -- [--only=throughput,floor,ledger,growth,hostile,webhooks,content,listeners] [--connections=1,16,64] [--profile]
 *                      [--workloads=plain,stream,paced] [--targets=none,proxy,portkey,bare,metered,pairs]
 *                      [--compare=<checkout>,…] [--short | --quick]
 *
 * `--compare` adds Inkmeter metered as other checkouts of this repository run it. `--short` measures fewer rounds of code
 * that is warm; `--quick` only shows that everything runs.
 *
 * Prints Markdown tables and saves them, with the raw figures, in .inkmeter/bench.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { benchPath, FOLDER, freePort, startChild } from './children.ts';
import { measureContentCache } from './content.ts';
import { measureContentJobs } from './content-jobs.ts';
import { measureGrowth } from './growth.ts';
import { measureHostile } from './hostile.ts';
import { measureListeners } from './listeners.ts';
import { type LoadGenerator, startLoadGenerator } from './load-client.ts';
import { profile } from './profile.ts';
import { throughputReport } from './report.ts';
import { startCheckout } from './targets/checkout.ts';
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
import { measureWebhooks } from './webhooks.ts';

const PARTS = [
  'throughput',
  'floor',
  'ledger',
  'growth',
  'hostile',
  'webhooks',
  'content',
  'listeners',
] as const;
type Part = (typeof PARTS)[number];

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    short: { type: 'boolean' },
    profile: { type: 'boolean' },
    only: { type: 'string' },
    connections: { type: 'string' },
    workloads: { type: 'string' },
    targets: { type: 'string' },
    compare: { type: 'string' },
  },
});
const quick = flags.quick ?? false;

const PACES = {
  full: { rounds: 5, warmUpMs: 500, durationMs: 2_000, coldRequests: 60_000 },
  short: { rounds: 4, warmUpMs: 300, durationMs: 2_000, coldRequests: 25_000 },
  quick: { rounds: 1, warmUpMs: 200, durationMs: 500, coldRequests: 2_000 },
} as const satisfies Record<string, Pace>;
const pace: Pace = PACES[quick ? 'quick' : flags.short ? 'short' : 'full'];
const usageRows = quick ? ([10_000, 200_000] as const) : ([10_000, 5_000_000] as const);
const connections = (flags.connections ?? (quick ? '16' : '1,16,64')).split(',').map(Number);

const WORKLOADS = ['plain', 'stream', 'paced'] as const;

/** The names of a flag. @throws Error naming one that is unknown. */
function chosen<Name extends string>(given: string, known: readonly Name[]): readonly Name[] {
  const names = given.split(',');
  const unknown = names.find((name) => !known.includes(name as Name));
  if (unknown !== undefined) throw new Error(`Unknown ${unknown}; there are ${known.join(', ')}`);
  return names as Name[];
}

function chosenParts(): readonly Part[] {
  if (flags.only !== undefined) return chosen(flags.only, PARTS);
  return flags.profile ? [] : quick ? ['throughput'] : PARTS;
}

function chosenWorkloads(): Workload[] {
  const names = flags.workloads === undefined ? WORKLOADS : chosen(flags.workloads, WORKLOADS);
  return [
    ...(names.includes('plain') ? connections.map(plainWorkload) : []),
    ...(names.includes('stream') ? connections.map(streamWorkload) : []),
    ...(names.includes('paced') && !quick ? [pacedWorkload(16)] : []),
  ];
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

/** Every target of the comparison by its name in `--targets`, started only if it is selected. */
const TARGETS: Readonly<Record<string, (context: Context) => Target | Promise<Target>>> = {
  none: ({ upstreamPort }) => noGateway(upstreamPort),
  proxy: ({ upstreamPort }) => startBareProxy(upstreamPort),
  portkey: ({ upstreamPort }) => startPortkey(upstreamPort),
  bare: ({ system, account }) => startHookOff(system, account),
  metered: ({ system, account }) => meteredTarget(system, account),
  pairs: ({ system, account }) => startSecondPair(system, account),
};

async function throughput(context: Context): Promise<string> {
  const known = Object.keys(TARGETS);
  const names = flags.targets === undefined ? known : chosen(flags.targets, known);
  const targets: Target[] = [];
  for (const name of names) targets.push(await (TARGETS[name] as (typeof TARGETS)[string])(context));
  for (const folder of flags.compare?.split(',') ?? [])
    targets.push(await startCheckout(folder, context.upstreamPort));
  return sideBySide('throughput', context.load, targets, chosenWorkloads());
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
  if (parts.includes('content')) {
    add('The content cache', await measureContentCache(say));
    add('Content jobs', await measureContentJobs(say));
  }
  if (!flags.profile && parts.every((part) => part === 'ledger' || part === 'content')) return;
  const context = await startContext();
  if (parts.includes('throughput')) add('Side by side', await throughput(context));
  if (parts.includes('floor')) add('What cannot be cheaper', await floor(context));
  if (flags.profile) {
    for (const workload of connections.map(plainWorkload)) {
      add(
        'Where the time goes',
        await profile({ ...context, workload, pace: { ...pace, durationMs: 8_000 } }),
      );
    }
  }
  if (parts.includes('hostile'))
    add('Bad and hostile input', await measureHostile({ ...context, quick, say }));
  if (parts.includes('webhooks')) {
    const durationMs = pace.durationMs * 2;
    add('Webhooks of Stripe', await measureWebhooks({ system: context.system, durationMs, say }));
  }
  if (parts.includes('listeners')) {
    const listeners = quick ? 300 : 3_000;
    add('Listeners', await measureListeners({ ...context, pace, listeners, say }));
  }
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
