/** Markdown tables of what was measured. */
import { cpuUsPerRequest, medianOf, memoryOf, requestsPerSecond } from './statistics.ts';
import type { Cell, Workload } from './throughput.ts';

export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = header.map((_, index) => (index === 0 ? '---' : '---:'));
  return [header, rule, ...rows].map(line).join('\n');
}

export const whole = (value: number) => Math.round(value).toLocaleString('en-US');
export const ms = (value: number) => value.toFixed(value < 10 ? 2 : 1);
export const megabytes = (bytes: number) => whole(bytes / 1_048_576);
export const ratio = (value: number, base: number) => (base > 0 ? `${(value / base).toFixed(2)}×` : '');

/** Below this a program did not contribute to the call. */
const WORTH_NAMING_US = 1;

function cpuColumns(cell: Cell, scale: number): [total: string, programs: string] {
  const { total, programs } = cpuUsPerRequest(cell.rounds);
  if (programs.size === 0) return ['', ''];
  const named = [...programs]
    .filter(([, cpuUs]) => cpuUs >= WORTH_NAMING_US)
    .map(([name, cpuUs]) => `${name} ${whole(cpuUs / scale)}`);
  return [whole(total / scale), named.length > 1 ? named.join(', ') : ''];
}

const memoryColumn = ({ rounds }: Cell) => {
  const bytes = memoryOf(rounds);
  return bytes > 0 ? megabytes(bytes) : '';
};

function rateOf(cells: readonly Cell[], name: RegExp): number {
  const cell = cells.find(({ target }) => name.test(target.name));
  return cell ? requestsPerSecond(cell.rounds) : 0;
}

const isPortkey = /^Portkey/;
const isBare = /^Inkmeter bare/;

/** Plain calls of one number of connections. */
export function plainTable(cells: readonly Cell[]): string {
  const portkey = rateOf(cells, isPortkey);
  const bare = rateOf(cells, isBare);
  return table(
    [
      'target',
      'requests/s',
      'of Portkey',
      'of Inkmeter bare',
      'p50 ms',
      'p99 ms',
      'CPU µs/request',
      'by program',
      'memory MB',
    ],
    cells.map((cell) => {
      const rate = requestsPerSecond(cell.rounds);
      return [
        cell.target.name,
        whole(rate),
        ratio(rate, portkey),
        ratio(rate, bare),
        ms(medianOf(cell.rounds, ({ latencyMs }) => latencyMs.p50)),
        ms(medianOf(cell.rounds, ({ latencyMs }) => latencyMs.p99)),
        ...cpuColumns(cell, 1),
        memoryColumn(cell),
      ];
    }),
  );
}

/** Streams of 200 chunks of one number of connections. */
export function streamTable(cells: readonly Cell[]): string {
  const portkey = rateOf(cells, isPortkey);
  const direct = cells.find(({ target }) => target.processes.length === 0);
  const firstByteOf = ({ rounds }: Cell) => medianOf(rounds, ({ firstByteMs }) => firstByteMs.p50);
  return table(
    [
      'target',
      'streams/s',
      'of Portkey',
      'first byte p50 ms',
      'added ms',
      'first byte p99 ms',
      'whole p50 ms',
      'longest silence p50 ms',
      'CPU µs/stream',
      'by program',
      'memory MB',
    ],
    cells.map((cell) => {
      const rate = requestsPerSecond(cell.rounds);
      const firstByteMs = firstByteOf(cell);
      return [
        cell.target.name,
        whole(rate),
        ratio(rate, portkey),
        ms(firstByteMs),
        direct ? ms(firstByteMs - firstByteOf(direct)) : '',
        ms(medianOf(cell.rounds, (round) => round.firstByteMs.p99)),
        ms(medianOf(cell.rounds, ({ latencyMs }) => latencyMs.p50)),
        ms(medianOf(cell.rounds, ({ gapMs }) => gapMs.p50)),
        ...cpuColumns(cell, 1),
        memoryColumn(cell),
      ];
    }),
  );
}

const titles: Readonly<Record<string, string>> = {
  plain: 'Plain answers',
  stream: 'Streams of 200 chunks, as fast as they come',
  paced: 'Streams of 200 chunks, one every 5 ms',
};

const LEGEND = `Connections send their next request when the last was answered. Medians of several rounds, in which all targets took
turns. CPU time is the kernel's count over every process that serves the target, PostgreSQL included, the provider and
the load generator left out. Memory is resident, shared pages counted once. "Added" is against no gateway.`;

/** One table for each workload and number of connections. */
export function throughputReport(cells: readonly Cell[]): string {
  const workloads = new Set<Workload>(cells.map(({ workload }) => workload));
  const tables = [...workloads].map((workload) => {
    const own = cells.filter((cell) => cell.workload === workload);
    const title = `### ${titles[workload.name]}, ${workload.connections} ${workload.connections === 1 ? 'connection' : 'connections'}`;
    return `${title}\n\n${workload.name === 'plain' ? plainTable(own) : streamTable(own)}`;
  });
  return [LEGEND, ...tables].join('\n\n');
}
