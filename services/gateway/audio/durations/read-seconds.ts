import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { FileSource } from '#libs/contracts/file-source.ts';
import { secondsBound } from '#libs/pipelines/audio.ts';
import { problem } from '#libs/problems/problems.ts';
import { readWhole } from '#libs/storage/temporary-file.ts';
import { createBodyBudget } from '../../body-limits/domain.ts';

const WORKER = new URL('./worker.ts', import.meta.url);
const DEADLINE_MS = 10_000;
const LONGEST_WAIT_MS = 30_000;
/** Memory for recordings that are counted at the same time, and the least that one takes with its thread. */
const MEMORY_BYTES = 64 * 1024 * 1024;
const THREAD_BYTES = 16 * 1024 * 1024;

const memory = createBodyBudget(MEMORY_BYTES);

/**
 * The most seconds of a recording: what its frames last, or what its bytes can hold if they cannot be counted in time.
 *
 * @param type as detected.
 * @throws ProblemError `overloaded` if too many recordings wait.
 */
export async function readSeconds(file: FileSource, type: string): Promise<number> {
  const bytes = Math.max(file.size, THREAD_BYTES);
  if (!memory.take(bytes) && !(await memory.wait(bytes, LONGEST_WAIT_MS).taken))
    throw problem('overloaded', { headers: { 'retry-after': '5' } });
  try {
    return secondsBound(await countInThread(await readWhole(file), type), file.size, type);
  } finally {
    memory.give(bytes);
  }
}

async function countInThread(bytes: Uint8Array<ArrayBuffer>, type: string): Promise<number | null> {
  const worker = new Worker(WORKER, {
    workerData: { bytes, type },
    transferList: [bytes.buffer],
    env: {},
    stdout: true,
    stderr: true,
  });
  try {
    const [seconds] = await Promise.race([
      once(worker, 'message', { signal: AbortSignal.timeout(DEADLINE_MS) }),
      once(worker, 'exit').then(() => [null]),
    ]);
    return typeof seconds === 'number' ? seconds : null;
  } catch {
    return null;
  } finally {
    await worker.terminate();
  }
}
