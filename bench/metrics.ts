/** Reads the metrics of a service. */

/** Reads one number of Prometheus text, with any labels. */
export async function readMetric(url: string, name: string): Promise<number> {
  const text = await (await fetch(url)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
  if (line === undefined) throw new Error(`${url} has no ${name}`);
  return Number(line.slice(line.lastIndexOf(' ') + 1));
}

/**
 * Node measures from one run of a timer to the next (https://nodejs.org/api/perf_hooks.html, monitorEventLoopDelay), so
 * that a loop with nothing to do shows the timer's own interval; prom-client's is this long.
 */
const SAMPLING_INTERVAL_MS = 10;

/**
 * The longest time that the event loop was kept from a timer since the last reading, which includes waiting for a CPU.
 * Reading it begins a new measurement.
 */
export async function readStallMs(url: string): Promise<number> {
  const longestMs = (await readMetric(url, 'nodejs_eventloop_lag_max_seconds')) * 1_000;
  return Math.max(0, longestMs - SAMPLING_INTERVAL_MS);
}
