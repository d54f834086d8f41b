import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { problem } from '#libs/problems/problems.ts';
import { unreadable } from './domain/extracted-text.ts';
import type { ParserInput, ParserOutput } from './parser-worker.ts';

const WORKER = new URL('./parser-worker.ts', import.meta.url);
const DEADLINE_MS = 20_000;
const MEMORY_MB = 256;
/** Files that a process parses at the same time; further ones are refused, because each takes a core. */
const MAX_WORKERS = 4;

let running = 0;

/**
 * Parses a file in a thread with a deadline and limited memory.
 * @throws ProblemError `semantic_error` if it cannot be parsed, `overloaded` if too many are being parsed.
 */
export async function parseFile(
  format: ParserInput['format'],
  bytes: Buffer,
  deadlineMs = DEADLINE_MS,
): Promise<{ text: string; title: string | null }> {
  if (running >= MAX_WORKERS) throw problem('overloaded', { headers: { 'retry-after': '2' } });
  running += 1;
  const worker = new Worker(WORKER, {
    workerData: { format, bytes: Uint8Array.from(bytes) } satisfies ParserInput,
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    // neither secrets of the environment nor output of parsers
    env: {},
    stdout: true,
    stderr: true,
  });
  try {
    const [output]: [ParserOutput] = await Promise.race([
      once(worker, 'message', { signal: AbortSignal.timeout(deadlineMs) }) as Promise<[ParserOutput]>,
      once(worker, 'exit').then((): never => {
        throw new Error('The parser ended without a result.');
      }),
    ]);
    if ('error' in output) throw new Error(output.error);
    return output;
  } catch (error) {
    const isLate = error instanceof Error && error.name === 'AbortError';
    throw unreadable(
      isLate ? 'The file takes too long to read.' : 'The file is damaged or protected.',
      error,
    );
  } finally {
    running -= 1;
    await worker.terminate();
  }
}
