/** What a service of ours tells of itself at `/metrics`. */

/** Reads one number of Prometheus text, whatever its labels. */
export async function readMetric(url: string, name: string): Promise<number> {
  const text = await (await fetch(url)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
  if (line === undefined) throw new Error(`${url} has no ${name}`);
  return Number(line.slice(line.lastIndexOf(' ') + 1));
}

/**
 * The longest time that the event loop was kept from a timer since the last reading, which includes waiting for a CPU.
 * Reading it begins a new measurement.
 */
export async function readStallMs(url: string): Promise<number> {
  return (await readMetric(url, 'nodejs_eventloop_lag_max_seconds')) * 1_000;
}
