/** Where a metered call spends its CPU time: the functions with the most of their own, in gateway and generation. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { FOLDER } from './children.ts';
import type { LoadGenerator } from './load-client.ts';
import { table, whole } from './report.ts';
import { type Account, meteredTarget, type Replica, type System } from './targets/inkmeter.ts';
import { measure, type Pace, type Workload } from './throughput.ts';

const PROFILES = path.join(FOLDER, 'profiles');
const TOP = 40;

/** https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
type CpuProfile = {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
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

/** Own time in microseconds by function and by module, of samples within the window. */
function ownTimes({ nodes, startTime, samples, timeDeltas }: CpuProfile, { fromUs, toUs }: Window) {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const functions = new Map<string, number>();
  const modules = new Map<string, number>();
  let at = startTime;
  samples.forEach((id, index) => {
    at += timeDeltas[index] ?? 0;
    const frame = frames.get(id);
    if (frame === undefined || at < fromUs || at > toUs || frame.functionName === '(idle)') return;
    const spentUs = timeDeltas[index + 1] ?? 0;
    const place = placeOf(frame.url);
    const name = `${frame.functionName || '(anonymous)'} ${place}:${frame.lineNumber + 1}`;
    functions.set(name, (functions.get(name) ?? 0) + spentUs);
    const native = frame.url === '' ? frame.functionName || '(native)' : place;
    const module = /^(@[^/]+\/[^/]+|[^/]+)\/(?!metering|providers)/.exec(native)?.[1] ?? native;
    const group = /^(services|libs)$/.test(module) ? native : module;
    modules.set(group, (modules.get(group) ?? 0) + spentUs);
  });
  return { functions, modules };
}

function topTable(what: string, times: Map<string, number>, requests: number): string {
  const total = [...times.values()].reduce((sum, us) => sum + us, 0);
  const rows = [...times].toSorted(([, one], [, other]) => other - one).slice(0, TOP);
  return table(
    [what, 'µs/request', 'share'],
    rows.map(([name, us]) => [name, (us / requests).toFixed(2), `${((100 * us) / total).toFixed(1)} %`]),
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
  const nodeFlags = ['--cpu-prof', `--cpu-prof-dir=${PROFILES}`, '--cpu-prof-interval=200'];
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
  await measure(load, target, workload, pace);
  const fromUs = monotonicUs();
  const { requests } = await measure(load, target, workload, { ...pace, warmUpMs: 0 });
  const window = { fromUs, toUs: monotonicUs() };
  await gateway.stop();
  await generation.stop();

  const report = (name: string, { pid }: Replica) => {
    const file = readdirSync(PROFILES).find((entry) => entry.includes(`.${pid}.`));
    if (file === undefined) throw new Error(`The profile of ${name} is missing in ${PROFILES}`);
    const { functions, modules } = ownTimes(
      JSON.parse(readFileSync(path.join(PROFILES, file), 'utf8')) as CpuProfile,
      window,
    );
    const title = `### ${name}: ${whole(requests)} calls, ${workload.name}, ${workload.connections} connections`;
    return [title, topTable('module', modules, requests), topTable('function', functions, requests)].join(
      '\n\n',
    );
  };
  return [report('gateway', gateway), report('generation', generation)].join('\n\n');
}
