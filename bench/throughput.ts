/** The same calls against every target in turn, round after round, so that noise affects all targets alike. */
import { setTimeout as delay } from 'node:timers/promises';
import type { LoadResult } from './load.ts';
import type { LoadGenerator } from './load-client.ts';
import type { Target } from './targets/target.ts';

export type Workload = {
  name: 'plain' | 'stream' | 'paced';
  body: string;
  connections: number;
  /** Long enough for complete responses, where they take longer than a round. */
  leastMs?: number;
};

export type Cell = { target: Target; workload: Workload; rounds: LoadResult[] };

export type Pace = {
  rounds: number;
  warmUpMs: number;
  durationMs: number;
  /** Calls before the measurement, so that the code is optimised by then. */
  coldRequests: number;
};

const MESSAGES = [
  { role: 'system', content: 'You are a careful writer. Answer in one short paragraph.' },
  {
    role: 'user',
    content: 'What makes an opening sentence memorable? Give one example and say why it works.',
  },
];

/** The call that everything is measured with: a short prompt and a cap on its answer. */
export function chatBody(fields: Record<string, unknown> = {}): string {
  return JSON.stringify({ model: 'gpt-4o-mini', messages: MESSAGES, max_tokens: 256, ...fields });
}

const STREAM = { stream: true, stream_options: { include_usage: true } };
/** The provider knows this mark and sends a chunk every 5 ms. */
const PACED_MESSAGES = [{ role: 'user', content: 'pace-5ms' }];

export const plainWorkload = (connections: number): Workload => ({
  name: 'plain',
  body: chatBody(),
  connections,
});
export const streamWorkload = (connections: number): Workload => ({
  name: 'stream',
  body: chatBody(STREAM),
  connections,
});
export const pacedWorkload = (connections: number): Workload => ({
  name: 'paced',
  body: chatBody({ ...STREAM, messages: PACED_MESSAGES }),
  connections,
  leastMs: 3_000,
});

/** Time for sockets to close and batches to be written after a measurement. */
const SETTLE_MS = 100;

/** On a busy machine; code that is not optimised yet takes several times as long. */
const LONGEST_WARM_UP_MS = 120_000;

/** Until enough calls have been answered. */
export async function warmUp(
  load: LoadGenerator,
  { addresses, path, headers, processes }: Target,
  { body, connections }: Workload,
  requests: number,
): Promise<void> {
  const job = { addresses, path, headers, body, connections, processes };
  await load.run({ ...job, requests, warmUpMs: 0, durationMs: LONGEST_WARM_UP_MS });
}

export async function measure(
  load: LoadGenerator,
  target: Target,
  { body, connections, leastMs = 0 }: Workload,
  { warmUpMs, durationMs }: Pick<Pace, 'warmUpMs' | 'durationMs'>,
): Promise<LoadResult> {
  const { addresses, path, headers, processes } = target;
  const result = await load.run({
    addresses,
    path,
    headers,
    body,
    connections,
    warmUpMs,
    durationMs: Math.max(durationMs, leastMs),
    processes,
  });
  await delay(SETTLE_MS);
  return result;
}

export async function measureAll(
  load: LoadGenerator,
  targets: readonly Target[],
  workloads: readonly Workload[],
  pace: Pace,
  say: (line: string) => void,
): Promise<Cell[]> {
  for (const target of targets) {
    say(`warming up ${target.name}`);
    await warmUp(load, target, plainWorkload(64), pace.coldRequests);
    if (workloads.some(({ name }) => name !== 'plain'))
      await warmUp(load, target, streamWorkload(16), pace.coldRequests / 20);
  }
  const cells = workloads.flatMap((workload) =>
    targets.map((target): Cell => ({ target, workload, rounds: [] })),
  );
  for (let round = 0; round < pace.rounds; round += 1) {
    for (const cell of cells) {
      const { target, workload } = cell;
      const result = await measure(load, target, workload, pace);
      cell.rounds.push(result);
      const rate = Math.round(result.requests / result.seconds);
      say(`round ${round + 1}: ${workload.name} x${workload.connections}, ${target.name}: ${rate}/s`);
    }
  }
  return cells;
}
