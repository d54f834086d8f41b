/** The functions of gateway and generation in which a metered call spends the most CPU time. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { FOLDER } from './children.ts';
import type { LoadGenerator } from './load-client.ts';
import { table, whole } from './report.ts';
import { type Account, meteredTarget, type Replica, type System } from './targets/inkmeter.ts';
import { measure, type Pace, type Workload, warmUp } from './throughput.ts';

const PROFILES = path.join(FOLDER, 'profiles');
const TOP = 50;
const INTERVAL_US = 200;
/** Code that the engine has not yet optimised would be half of the picture. */
const WARM_UP_REQUESTS = 30_000;

/** https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
type CpuProfile = {
  nodes: {
    id: number;
    callFrame: { functionName: string; url: string; lineNumber: number };
    children?: number[];
  }[];
  /** In microseconds of the kernel's monotonic clock. */
  startTime: number;
  samples: number[];
  timeDeltas: number[];
};

type Window = { fromUs: number; toUs: number };

const monotonicUs = () => Number(process.hrtime.bigint() / 1_000n);

/** Where a function lives, short enough for a table. */
function placeOf(url: string): string {
  const shortened = url
    .replace(/^file:\/\//, '')
    .replace(/^.*\/node_modules\//, '')
    .replace(/^.*\/(?=(services|libs)\/)/, '');
  return shortened === '' ? '(native)' : shortened;
}

type Times = {
  /** Of the function alone. */
  own: Map<string, number>;
  /** Of the function and all that it called. */
  whole: Map<string, number>;
  /** Own time by package or file. */
  modules: Map<string, number>;
};

const add = (times: Map<string, number>, name: string, us: number) =>
  times.set(name, (times.get(name) ?? 0) + us);

/** Microseconds of CPU time of samples within the window. */
function timesOf({ nodes, startTime, samples, timeDeltas }: CpuProfile, { fromUs, toUs }: Window): Times {
  const times: Times = { own: new Map(), whole: new Map(), modules: new Map() };
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const frames = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const place = placeOf(url);
      const name = `${functionName || '(anonymous)'} ${place}:${lineNumber + 1}`;
      return [id, { name, module: moduleOf(url, functionName), isIdle: functionName === '(idle)' }] as const;
    }),
  );
  let at = startTime;
  samples.forEach((id, index) => {
    at += timeDeltas[index] ?? 0;
    const frame = frames.get(id);
    if (frame === undefined || frame.isIdle || at < fromUs || at > toUs) return;
    // a thread that waits for a CPU is not sampled, so a gap longer than the interval is such a wait
    const us = Math.min(timeDeltas[index + 1] ?? 0, INTERVAL_US);
    add(times.own, frame.name, us);
    add(times.modules, frame.module, us);
    const seen = new Set<string>();
    for (let node: number | undefined = id; node !== undefined; node = parents.get(node)) {
      const name = frames.get(node)?.name ?? '';
      if (!seen.has(name)) add(times.whole, name, us);
      seen.add(name);
    }
  });
  return times;
}

/** A package by its name, our own code by its file, the engine by what it does. */
function moduleOf(url: string, functionName: string): string {
  if (url === '') return functionName || '(native)';
  const place = placeOf(url);
  if (/^(services|libs)\//.test(place)) return place;
  if (place.startsWith('node:')) return place.split('/').slice(0, 3).join('/');
  return /^(@[^/]+\/[^/]+|[^/]+)/.exec(place)?.[1] ?? place;
}

function topTable(what: string, times: Map<string, number>, requests: number): string {
  const rows = [...times].toSorted(([, one], [, other]) => other - one).slice(0, TOP);
  return table(
    [what, 'µs/request'],
    rows.map(([name, us]) => [name, (us / requests).toFixed(2)]),
  );
}

export type ProfileOptions = {
  load: LoadGenerator;
  system: System;
  account: Account;
  workload: Workload;
  pace: Pace;
};

/** Profiles one gateway and one generation process of their own under one workload. */
export async function profile({ load, system, account, workload, pace }: ProfileOptions): Promise<string> {
  rmSync(PROFILES, { recursive: true, force: true });
  mkdirSync(PROFILES, { recursive: true });
  const nodeFlags = ['--cpu-prof', `--cpu-prof-dir=${PROFILES}`, `--cpu-prof-interval=${INTERVAL_US}`];
  const generation = await system.startReplica('generation', { nodeFlags });
  const gateway = await system.startReplica('gateway', {
    nodeFlags,
    env: { GENERATION_URLS: `http://${generation.address}` },
  });
  const target = {
    ...meteredTarget(system, account),
    addresses: [gateway.address],
    processes: [system.pid, gateway.pid, generation.pid],
  };
  await warmUp(load, target, workload, WARM_UP_REQUESTS);
  const fromUs = monotonicUs();
  const { requests } = await measure(load, target, workload, { ...pace, warmUpMs: 0 });
  const window = { fromUs, toUs: monotonicUs() };
  await gateway.stop();
  await generation.stop();

  const report = (name: string, { pid }: Replica) => {
    const file = readdirSync(PROFILES).find((entry) => entry.includes(`.${pid}.`));
    if (file === undefined) throw new Error(`The profile of ${name} is missing in ${PROFILES}`);
    const times = timesOf(JSON.parse(readFileSync(path.join(PROFILES, file), 'utf8')) as CpuProfile, window);
    const ours = new Map([...times.whole].filter(([label]) => !/ node:|\(native\)/.test(label)));
    return [
      `### ${name}: ${whole(requests)} calls, ${workload.name}, ${workload.connections} connections`,
      topTable('module, own time', times.modules, requests),
      topTable('function, own time', times.own, requests),
      topTable('function with all that it calls', ours, requests),
    ].join('\n\n');
  };
  return [report('gateway', gateway), report('generation', generation)].join('\n\n');
}
