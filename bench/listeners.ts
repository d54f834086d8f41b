/** What thousands of open streams of usage cost: memory, CPU while nothing happens, and CPU for each settled call. */
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { LoadResult } from './load.ts';
import type { LoadGenerator } from './load-client.ts';
import { type ByProgram, cpuUsByProgram, memoryBytesByProgram, total } from './processes.ts';
import { megabytes, table, whole } from './report.ts';
import { cpuUsPerRequest, requestsPerSecond } from './statistics.ts';
import { type Account, meteredTarget, ROOMY, type System, startSystem } from './targets/inkmeter.ts';
import { type Pace, plainWorkload } from './throughput.ts';

/** An account may have 100. */
const STREAMS_PER_ACCOUNT = 75;
const OPENED_AT_ONCE = 25;
const CALL_CONNECTIONS = 4;
const IDLE_MS = 5_000;
const PATH = '/api/usage/stream';

/** One client opens all streams, on a machine that has other work. */
const ENVIRONMENT = {
  EVENT_LOOP_DELAY_LIMIT: '0ms',
  MAX_CONNECTIONS_PER_ADDRESS: '0',
  RATE_LIMIT_SIGN_UPS: '0',
  RATE_LIMIT_SIGN_UPS_PER_DOMAIN: '0',
};

export type ListenerOptions = {
  load: LoadGenerator;
  upstreamPort: number;
  pace: Pace;
  listeners: number;
  say: (line: string) => void;
};

type Listeners = { events: () => number; close: () => void };

/** @returns a Markdown table. */
export async function measureListeners(options: ListenerOptions): Promise<string> {
  const { upstreamPort } = options;
  const system = await startSystem({ upstreamPort, name: 'listeners', env: ENVIRONMENT });
  try {
    return await compare(options, system);
  } finally {
    await system.stop();
  }
}

async function compare(
  { load, pace, listeners: count, say }: ListenerOptions,
  system: System,
): Promise<string> {
  const accounts: Account[] = [];
  for (let index = 0; index < Math.ceil(count / STREAMS_PER_ACCOUNT); index += 1)
    accounts.push(await system.openAccount(ROOMY));
  const [busy] = accounts as [Account];
  const measure = async (): Promise<Figures> => {
    const calls = await callsOf(load, system, busy, pace);
    await delay(IDLE_MS);
    const before = total(cpuUsByProgram([system.pid]));
    await delay(IDLE_MS);
    const idleCpuUs = total(cpuUsByProgram([system.pid])) - before;
    return { calls, idleShare: idleCpuUs / (IDLE_MS * 1_000), memory: memoryBytesByProgram([system.pid]) };
  };
  say('measuring without listeners');
  const none = await measure();
  say(`opening ${whole(count)} streams of ${accounts.length} accounts`);
  const listeners = await openListeners(system, accounts, count);
  try {
    const eventsBefore = listeners.events();
    say('measuring with listeners');
    const some = await measure();
    const events = listeners.events() - eventsBefore;
    return `${listenerTable(none, some, count)}\n\nAll together received ${whole(events)} events of limits; ${STREAMS_PER_ACCOUNT} follow the account that calls.`;
  } finally {
    listeners.close();
  }
}

type Figures = { calls: LoadResult; idleShare: number; memory: ByProgram };

function callsOf(load: LoadGenerator, system: System, account: Account, pace: Pace): Promise<LoadResult> {
  const { addresses, headers, processes, path } = meteredTarget(system, account);
  const { body, connections } = plainWorkload(CALL_CONNECTIONS);
  const durationMs = pace.durationMs * 5;
  const warmUpMs = pace.durationMs * 2;
  return load.run({ addresses, headers, processes, path, body, connections, warmUpMs, durationMs });
}

async function openListeners(
  { gateway }: System,
  accounts: readonly Account[],
  count: number,
): Promise<Listeners> {
  const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
  let events = 0;
  const open = async (authorization: string) => {
    const request = get(`http://${gateway}${PATH}`, { agent, headers: { authorization } });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`A stream was answered with ${response.statusCode}.`);
    response.on('error', () => undefined).setEncoding('utf8');
    response.on('data', (text: string) => {
      events += text.match(/^event: limits$/gm)?.length ?? 0;
    });
    await once(response, 'data');
  };
  const waiting = accounts
    .flatMap(({ authorization }) => Array.from({ length: STREAMS_PER_ACCOUNT }, () => authorization))
    .slice(0, count);
  const opener = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await open(next);
  };
  await Promise.all(Array.from({ length: OPENED_AT_ONCE }, opener));
  return { events: () => events, close: () => agent.destroy() };
}

function listenerTable(none: Figures, some: Figures, count: number): string {
  const cpuOf = ({ calls }: Figures) => cpuUsPerRequest([calls]);
  const programs = ['gateway', 'usage-metering', 'generation', 'postgres'];
  const row = (what: string, of: (figures: Figures) => string) => [what, of(none), of(some)];
  return table(
    ['', 'no listeners', `${whole(count)} listeners`],
    [
      row('metered calls/s', ({ calls }) => whole(requestsPerSecond([calls]))),
      row('CPU µs per call', (figures) => whole(cpuOf(figures).total)),
      ...programs.map((program) =>
        row(`… of ${program}`, (figures) => whole(cpuOf(figures).programs.get(program) ?? 0)),
      ),
      row('CPU at rest, % of a core', ({ idleShare }) => (idleShare * 100).toFixed(1)),
      ...['gateway', 'usage-metering'].map((program) =>
        row(`memory of ${program}, MB`, ({ memory }) => megabytes(memory[program] ?? 0)),
      ),
    ],
  );
}
