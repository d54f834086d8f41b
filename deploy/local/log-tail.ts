import { closeSync, existsSync, openSync, readFileSync, readSync, renameSync, statSync } from 'node:fs';

const ROTATE_ABOVE_BYTES = 10 * 1024 * 1024;
const POLL_INTERVAL_MS = 200;

/** Opens a log for appending; a large one is renamed to `.1` first. */
export function openLog(path: string): number {
  if (existsSync(path) && statSync(path).size > ROTATE_ABOVE_BYTES) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
}

const TAIL_LINES = 15;

/** The last lines of a log. */
export function endOfLog(path: string, lines = TAIL_LINES): string {
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}

/**
 * Follows a file from its current end, line by line. The writer has its own handle, so this process never blocks or
 * breaks it.
 *
 * @returns a function that stops following after the lines written so far.
 */
export function followLog(path: string, onLine: (line: string) => void): () => void {
  const file = openSync(path, 'r');
  const buffer = Buffer.alloc(64 * 1024);
  let position = statSync(path).size;
  let unfinished = '';
  const read = () => {
    for (;;) {
      const length = readSync(file, buffer, 0, buffer.length, position);
      if (length === 0) return;
      position += length;
      const lines = (unfinished + buffer.toString('utf8', 0, length)).split('\n');
      unfinished = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    }
  };
  const timer = setInterval(read, POLL_INTERVAL_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    read();
    if (unfinished !== '') onLine(unfinished);
    closeSync(file);
  };
}

/** The text to show the operator: errors from JSON log lines, and every line that is not JSON; else null. */
export function pickError(line: string): string | null {
  if (line.trim() === '') return null;
  if (!line.startsWith('{')) return line;
  try {
    const { level, msg, err } = JSON.parse(line) as {
      level?: string;
      msg?: string;
      err?: { message?: string };
    };
    if (level !== 'error' && level !== 'fatal') return null;
    return [msg, err?.message].filter((part) => part !== undefined).join(': ');
  } catch {
    return line;
  }
}
