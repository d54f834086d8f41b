/** Effects of hostile input on the processes and on other clients. */
import { setTimeout as delay } from 'node:timers/promises';
import { type HostileClient, openClient, requestHead, requestText } from './clients.ts';
import type { LoadResult } from './load.ts';
import type { LoadGenerator } from './load-client.ts';
import { readStallMs } from './metrics.ts';
import { type ByProgram, cpuUsByProgram, memoryBytesByProgram, total } from './processes.ts';
import { megabytes, ms, table, whole } from './report.ts';
import { cpuUsPerRequest } from './statistics.ts';
import { type Account, meteredTarget, ROOMY, type System } from './targets/inkmeter.ts';
import { chatBody } from './throughput.ts';

export type HostileOptions = {
  load: LoadGenerator;
  system: System;
  /** Smaller crowds, no waiting for time limits. */
  quick: boolean;
  say: (line: string) => void;
};

/** One row of the table: the input and the observations. */
type Finding = [what: string, seen: string];

const PATH = '/v1/chat/completions';
const MEGABYTE = 1_000_000;
const SENTENCE = 'The quick brown fox, aged 12, jumps over 3 lazy dogs; "why?" asked one of them. ';
const WITHIN_MS = 5_000;

const prompt = (content: string, fields: Record<string, unknown> = {}) =>
  chatBody({ messages: [{ role: 'user', content }], ...fields });

/** Since the last call. */
async function stallsOf({ metricsUrl }: System): Promise<string> {
  const [gateway, generation] = await Promise.all([
    readStallMs(metricsUrl('gateway')),
    readStallMs(metricsUrl('generation')),
  ]);
  return `longest stall: gateway ${ms(gateway)} ms, generation ${ms(generation)} ms`;
}

/** Large prompts: the longest time that a process could do nothing else. */
async function largePrompts({ load, system, quick }: HostileOptions): Promise<Finding[]> {
  const far = await system.openAccount(ROOMY);
  // the byte bound of a large prompt exceeds this limit, so its tokens are counted before it is refused
  const near = await system.openAccount(15_000_000n);
  const prose = SENTENCE.repeat(MEGABYTE / SENTENCE.length);
  const cases = [
    { what: '1 MB of prose, far from every limit', account: far, content: prose, status: 200 },
    { what: '1 MB of prose, counted and refused', account: near, content: prose, status: 400 },
    {
      what: '1 MB without a space, counted and refused',
      account: near,
      content: 'x'.repeat(MEGABYTE),
      status: 400,
    },
  ];
  const findings: Finding[] = [];
  for (const { what, account, content, status } of cases) {
    await stallsOf(system);
    const { addresses, headers, processes } = meteredTarget(system, account);
    const job = { addresses, headers, processes, path: PATH, body: prompt(content), status };
    const { requests, latencyMs } = await load.run({
      ...job,
      connections: 4,
      warmUpMs: 500,
      durationMs: quick ? 1_000 : 5_000,
    });
    findings.push([
      what,
      `${whole(requests)} requests, p50 ${ms(latencyMs.p50)} ms; ${await stallsOf(system)}`,
    ]);
  }
  return findings;
}

/** The cost of a refusal. */
async function refusals({ load, system }: HostileOptions): Promise<Finding[]> {
  const account = await system.openAccount(1n);
  const limited = await system.startReplica('gateway', { env: { RATE_LIMIT_PER_CALLER: '60' } });
  const { headers, processes } = meteredTarget(system, account);
  const job = { headers, path: PATH, body: prompt('hi'), connections: 64, status: 429, requests: 10_000 };
  const describe = (result: LoadResult) =>
    `${whole(result.requests)} refused at ${whole(result.requests / result.seconds)}/s, p99 ${ms(result.latencyMs.p99)} ms, ${whole(cpuUsPerRequest([result]).total)} µs of CPU each`;

  const overLimit = await load.run({
    ...job,
    addresses: [system.gateway],
    processes,
    warmUpMs: 1_000,
    durationMs: 60_000,
  });
  // uses up its rate limit, so that every later request is refused
  for (let call = 0; call < 60; call += 1) {
    const response = await fetch(`http://${limited.address}/api/me`, { headers });
    await response.arrayBuffer();
  }
  const tooOften = await load.run({
    ...job,
    addresses: [limited.address],
    processes: [limited.pid],
    warmUpMs: 200,
    durationMs: 60_000,
  });
  await limited.stop();
  return [
    ['tiny requests of a key whose account is at its limit', describe(overLimit)],
    ['tiny requests of a key over its rate', describe(tooOften)],
  ];
}

function memoryGrowth(before: ByProgram, after: ByProgram, count: number): string {
  return ['gateway', 'generation', 'postgres']
    .map((name) => {
      const bytes = (after[name] ?? 0) - (before[name] ?? 0);
      return `${name} ${megabytes(bytes)} MB (${whole(bytes / count / 1_024)} kB each)`;
    })
    .join(', ');
}

/** Service of well-behaved clients in the meantime. */
async function measureOthers(load: LoadGenerator, system: System, account: Account): Promise<string> {
  const { addresses, headers, processes } = meteredTarget(system, account);
  const job = { addresses, headers, processes, path: PATH, body: prompt('hi') };
  try {
    const { requests, latencyMs } = await load.run({
      ...job,
      connections: 4,
      warmUpMs: 200,
      durationMs: 1_000,
    });
    if (requests === 0) return '**others meanwhile were not answered**';
    return `others meanwhile: p50 ${ms(latencyMs.p50)} ms, p99 ${ms(latencyMs.p99)} ms`;
  } catch (error) {
    const status = / (\d{3}) /.exec(String(error))?.[1] ?? 'nothing';
    return `**others meanwhile were answered ${status}**`;
  }
}

/** How many of them have received the first bytes of a response in time. */
async function countAnswered(clients: readonly HostileClient[]): Promise<number> {
  let answered = 0;
  const all = clients.map(({ answered: answer }) =>
    answer.then((head) => {
      if (head?.startsWith('HTTP/1.1 200')) answered += 1;
    }),
  );
  await Promise.race([Promise.all(all), delay(WITHIN_MS)]);
  return answered;
}

/** Stalled streams: the provider is silent, or the client does not read. */
async function stalledStreams(options: HostileOptions): Promise<Finding[]> {
  const { load, system, quick } = options;
  const account = await system.openAccount(ROOMY);
  const cases = [
    { what: 'idle streams', mark: 'idle-stream', count: quick ? 200 : 1_000, reads: true },
    {
      what: 'streams of 60 MB whose clients read nothing',
      mark: 'huge-stream',
      count: quick ? 10 : 50,
      reads: false,
    },
  ];
  const findings: Finding[] = [];
  for (const { what, mark, count, reads } of cases) {
    const before = memoryBytesByProgram([system.pid]);
    await stallsOf(system);
    const request = requestText(PATH, account.authorization, prompt(mark, { stream: true }));
    const clients = Array.from({ length: count }, () => {
      const client = openClient(system.gateway);
      client.socket.write(request);
      // the first bytes show that it was admitted; nothing is read after them
      if (!reads) client.socket.once('data', () => client.socket.pause());
      return client;
    });
    const open = await countAnswered(clients);
    await delay(2_000);
    const growth = memoryGrowth(before, memoryBytesByProgram([system.pid]), count);
    const stalls = await stallsOf(system);
    const others = await measureOthers(load, system, account);
    for (const { socket } of clients) socket.destroy();
    await calm(system);
    findings.push([
      `${whole(count)} ${what}`,
      `${whole(open)} begun within ${WITHIN_MS / 1_000} s; memory: ${growth}; ${stalls}; ${others}`,
    ]);
  }
  return findings;
}

/** Clients that send a body at one byte a second. */
async function slowUploads({ load, system, quick }: HostileOptions): Promise<Finding[]> {
  const count = quick ? 50 : 500;
  const requestTimeoutMs = 5_000;
  const waitMs = quick ? 0 : 60_000;
  const account = await system.openAccount(ROOMY);
  const gateway = await system.startReplica('gateway', { env: { REQUEST_TIMEOUT: `${requestTimeoutMs}ms` } });
  const before = total(memoryBytesByProgram([gateway.pid]));
  const startedAt = performance.now();
  const head = requestHead(PATH, account.authorization, 1_000);
  let lastClosedMs = 0;
  let refused = 0;
  const clients = Array.from({ length: count }, () => {
    const client = openClient(gateway.address);
    client.socket.write(head);
    const timer = setInterval(() => client.socket.write('{'), 1_000);
    void client.answered.then((answer) => {
      if (answer?.startsWith('HTTP/1.1 408')) refused += 1;
    });
    void client.closed.then(() => {
      clearInterval(timer);
      lastClosedMs = performance.now() - startedAt;
    });
    return client;
  });
  await delay(2_000);
  const growth = total(memoryBytesByProgram([gateway.pid])) - before;
  const others = await measureOthers(load, { ...system, gateway: gateway.address }, account);
  await Promise.race([Promise.all(clients.map(({ closed }) => closed)), delay(waitMs)]);
  const end =
    waitMs === 0
      ? ''
      : `; with REQUEST_TIMEOUT=${requestTimeoutMs / 1_000}s, ${whole(refused)} got 408, the last after ${ms(lastClosedMs / 1_000)} s`;
  for (const { socket } of clients) socket.destroy();
  await gateway.stop();
  return [
    [
      `${whole(count)} uploads of a byte a second`,
      `memory: gateway ${megabytes(growth)} MB (${whole(growth / count / 1_024)} kB each); ${others}${end}`,
    ],
  ];
}

const CALM_WITHIN_MS = 60_000;
const CALM_SHARE = 0.1;

/** Waits until all earlier requests have ended. */
async function calm(system: System): Promise<void> {
  const cpuUs = () => total(cpuUsByProgram([system.pid]));
  const deadline = AbortSignal.timeout(CALM_WITHIN_MS);
  for (let before = cpuUs(); !deadline.aborted; ) {
    await delay(1_000);
    const after = cpuUs();
    if (after - before < CALM_SHARE * 1_000_000) return;
    before = after;
  }
}

/** @returns a Markdown table. */
export async function measureHostile(options: HostileOptions): Promise<string> {
  const findings: Finding[] = [];
  for (const part of [largePrompts, refusals, stalledStreams, slowUploads]) {
    await calm(options.system);
    options.say(`hostile input: ${part.name}`);
    findings.push(...(await part(options)));
  }
  return table(['input', 'what was measured'], findings);
}
