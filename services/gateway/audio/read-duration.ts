import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { problem } from '#libs/problems/problems.ts';

const WORKER = new URL('./duration-worker.ts', import.meta.url);
const DEADLINE_MS = 10_000;
const MEMORY_MB = 256;
/** Recordings that a process reads at the same time; each takes a core. */
const MAX_WORKERS = 4;

let running = 0;

/**
 * The duration of a recording in seconds; null if the file does not say, or cannot be read in time.
 * @throws ProblemError `overloaded` if too many are being read.
 */
export async function readDuration(bytes: Buffer, type: string): Promise<number | null> {
  if (running >= MAX_WORKERS) throw problem('overloaded', { headers: { 'retry-after': '1' } });
  running += 1;
  const worker = new Worker(WORKER, {
    workerData: { bytes: Uint8Array.from(bytes), type },
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    env: {},
    stdout: true,
    stderr: true,
  });
  try {
    const [duration] = await Promise.race([
      once(worker, 'message', { signal: AbortSignal.timeout(DEADLINE_MS) }),
      once(worker, 'exit').then(() => [null]),
    ]);
    return typeof duration === 'number' && Number.isFinite(duration) && duration > 0 ? duration : null;
  } catch {
    return null;
  } finally {
    running -= 1;
    await worker.terminate();
  }
}
