/** What the processes of a rehearsal have logged as warnings and errors, to explain what failed. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

const MOST_SHOWN = 15;

type Line = { level?: string; msg?: string; err?: { message?: string } };

function parse(text: string): Line {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return {};
  }
}

/** A sentence for each kind of line, the most frequent first. */
export function logCauses(folder: string): string[] {
  const counts = new Map<string, number>();
  for (const file of globSync('*.log', { cwd: folder })) {
    for (const text of readFileSync(path.join(folder, file), 'utf8').split('\n')) {
      const { level, msg, err } = parse(text);
      if (level === undefined || !['warn', 'error', 'fatal'].includes(level)) continue;
      const cause = `${path.basename(file, '.log')}: ${msg}: ${err?.message?.slice(0, 200) ?? ''}`;
      counts.set(cause, (counts.get(cause) ?? 0) + 1);
    }
  }
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, MOST_SHOWN)
    .map(([cause, count]) => `${count} × ${cause}`);
}
