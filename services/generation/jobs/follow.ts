import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '#libs/db/database.ts';
import { isFinal } from './domain/job.ts';
import type { JobHub } from './hub.ts';
import { type EventRow, findEvents, findStatus } from './store.ts';

const BATCH = 200;
/** For notifications that were lost. */
const POLL_MS = 5_000;
const FINAL_EVENTS: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled']);

/**
 * The events of a job from a place on, as they happen. Ends with the last event of a job that has ended, when the signal
 * is aborted, or when the job is deleted.
 */
export async function* followEvents(
  { database, hub }: { database: Database; hub: JobHub },
  generationId: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<EventRow> {
  let wake = Promise.withResolvers<void>();
  const onWake = () => wake.resolve();
  const unsubscribe = hub.subscribe(generationId, onWake);
  signal.addEventListener('abort', onWake, { once: true });
  let last = after;
  try {
    while (!signal.aborted) {
      wake = Promise.withResolvers();
      const rows = await findEvents(database, generationId, last, BATCH);
      for (const row of rows) {
        last = row.id;
        yield row;
      }
      if (rows.length === BATCH) continue;
      const type = rows.at(-1)?.type;
      // A job that was retried has events after its first end.
      if (type === undefined || FINAL_EVENTS.has(type)) {
        const status = await findStatus(database, generationId);
        if (status === undefined || (isFinal(status) && type !== undefined)) return;
      }
      await Promise.race([wake.promise, delay(POLL_MS, undefined, { ref: false })]);
    }
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', onWake);
  }
}
