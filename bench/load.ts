/**
 * The load generator: a process of its own that keeps a fixed number of connections busy; each sends its next
 * request when the last was answered. It reads the kernel's accounts of the processes under test right at the start
 * and at the end of the measured time, so that warm-up and reporting cost them nothing.
 */
import { connect, type Socket } from 'node:net';
import { type ByProgram, cpuUsByProgram, memoryBytesByProgram } from './processes.ts';
import { createMessageReader } from './wire.ts';

export type LoadJob = {
  /** `host:port`; connections are dealt out in turn. */
  addresses: readonly string[];
  /** POST unless given. */
  method?: 'GET' | 'POST';
  path: string;
  headers: Readonly<Record<string, string>>;
  /** Empty for GET. */
  body: string;
  connections: number;
  warmUpMs: number;
  durationMs: number;
  /** The only status that does not fail the run; 200 unless given. */
  status?: number;
  /** Ends the measurement after this many answers, if that comes first. */
  requests?: number;
  /** Processes whose trees are charged for the measured time. */
  processes: readonly number[];
};

export type LoadResult = {
  /** Answered completely within the measured time. */
  requests: number;
  seconds: number;
  /** From writing a request to the last byte of its answer. */
  latencyMs: Percentiles;
  /** From writing a request to the first byte of the answer's body. */
  firstByteMs: Percentiles;
  /** Longest silence inside an answer's body. */
  gapMs: Percentiles;
  /** Within the measured time. */
  cpuUs: ByProgram;
  /** At its end. */
  memoryBytes: ByProgram;
  /** Of this process. */
  ownCpuUs: number;
};

export type Percentiles = { p50: number; p95: number; p99: number };

function percentiles(values: number[]): Percentiles {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

function requestBytes({ method = 'POST', path, headers, body }: LoadJob, address: string): Buffer {
  const lines = Object.entries({ ...headers, 'content-type': 'application/json' }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return Buffer.from(
    `${method} ${path} HTTP/1.1\r\nhost: ${address}\r\n${lines.join('')}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

type Samples = { latencyMs: number[]; firstByteMs: number[]; gapMs: number[] };

type Run = {
  job: LoadJob;
  samples: Samples;
  isMeasuring: boolean;
  isOver: boolean;
  /** Called when an answer completes inside the measured time. */
  onAnswer: () => void;
  fail: (error: Error) => void;
};

/** Answers that take longer than this after the end of a run are not waited for. */
const DRAIN_MS = 5_000;

/** One connection until the run is over; done when its last answer has come. */
function drive(run: Run, address: string): { socket: Socket; done: Promise<void> } {
  const { job, samples } = run;
  const expected = String(job.status ?? 200);
  const request = requestBytes(job, address);
  const [host = '', port = ''] = address.split(':');
  const socket = connect({ host, port: Number(port), noDelay: true });
  const done = new Promise<void>((resolve) => {
    let sentAt = 0;
    let firstByteAt = 0;
    let lastByteAt = 0;
    let longestGapMs = 0;
    let wrong: string | null = null;

    const send = () => {
      sentAt = performance.now();
      firstByteAt = 0;
      longestGapMs = 0;
      socket.write(request);
    };
    const read = createMessageReader({
      onHead: (head) => {
        if (head.slice(9, 12) !== expected) wrong = head;
      },
      onBody: (part) => {
        if (wrong !== null) wrong += `\n${part.toString()}`;
        const now = performance.now();
        if (firstByteAt === 0) firstByteAt = now;
        else longestGapMs = Math.max(longestGapMs, now - lastByteAt);
        lastByteAt = now;
      },
      onEnd: () => {
        if (wrong !== null) return run.fail(new Error(`${address} answered\n${wrong}`));
        if (run.isMeasuring) {
          samples.latencyMs.push(performance.now() - sentAt);
          samples.firstByteMs.push(firstByteAt - sentAt);
          samples.gapMs.push(longestGapMs);
          run.onAnswer();
        }
        if (run.isOver) socket.destroy();
        else send();
      },
    });
    socket.on('connect', send);
    socket.on('data', (data: Buffer) => {
      try {
        read(data);
      } catch (error) {
        run.fail(error as Error);
      }
    });
    socket.on('error', (error) => run.fail(new Error(`${address}: ${error.message}`)));
    socket.on('close', () => {
      if (!run.isOver) run.fail(new Error(`${address} closed a connection`));
      resolve();
    });
  });
  return { socket, done };
}

function difference(after: ByProgram, before: ByProgram): ByProgram {
  return Object.fromEntries(
    Object.entries(after).map(([name, amount]) => [name, amount - (before[name] ?? 0)]),
  );
}

/** @throws Error at the first wrong status, broken answer or lost connection. */
async function runJob(job: LoadJob): Promise<LoadResult> {
  const samples: Samples = { latencyMs: [], firstByteMs: [], gapMs: [] };
  let failure: Error | undefined;
  let wake = () => {};
  const sleep = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (failure) wake();
    });
  const run: Run = {
    job,
    samples,
    isMeasuring: false,
    isOver: false,
    onAnswer: () => {
      if (samples.latencyMs.length === job.requests) wake();
    },
    fail: (error) => {
      failure ??= error;
      run.isOver = true;
      wake();
    },
  };
  const connections = Array.from({ length: job.connections }, (_, index) =>
    drive(run, job.addresses[index % job.addresses.length] ?? ''),
  );
  await sleep(job.warmUpMs);
  const before = cpuUsByProgram(job.processes);
  const ownBefore = process.cpuUsage();
  const startedAt = performance.now();
  run.isMeasuring = true;
  await sleep(job.durationMs);
  run.isMeasuring = false;
  const seconds = (performance.now() - startedAt) / 1_000;
  const own = process.cpuUsage(ownBefore);
  const cpuUs = difference(cpuUsByProgram(job.processes), before);
  const memoryBytes = memoryBytesByProgram(job.processes);
  run.isOver = true;
  await Promise.race([Promise.all(connections.map(({ done }) => done)), sleep(DRAIN_MS)]);
  for (const { socket } of connections) socket.destroy();
  if (failure) throw failure;
  return {
    requests: samples.latencyMs.length,
    seconds,
    latencyMs: percentiles(samples.latencyMs),
    firstByteMs: percentiles(samples.firstByteMs),
    gapMs: percentiles(samples.gapMs),
    cpuUs,
    memoryBytes,
    ownCpuUs: own.user + own.system,
  };
}

process.on('message', (job: LoadJob) => {
  runJob(job).then(
    (result) => process.send?.({ result }),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.once('disconnect', () => process.exit(0));
process.send?.({ ready: true });
