import type { Ledger } from '#libs/ledger/ledger.ts';
import type { Logger } from '#libs/service/logger.ts';
import { settleOrCorrect } from '../calls/domain/settle-or-correct.ts';
import type { SpoolEntry, StoredEntry } from './domain.ts';
import type { SpoolFile } from './spool-file.ts';

export type ReplayOptions = {
  ledger: Pick<Ledger, 'settle' | 'close' | 'correct'>;
  spool: SpoolFile;
  /** Whether an error is about the entry itself, so that the next one may succeed. */
  isItemsFault: (error: unknown) => boolean;
  logger: Logger;
  onReplayed: (outcome: ReplayOutcome) => void;
};

export type ReplayOutcome = 'settled' | 'corrected' | 'repeated' | 'closed' | 'unknown_hold';

/**
 * Replays waiting entries in order, until all are done or the database cannot be reached. Replaying is idempotent. An entry
 * that the database refuses stays in the spool and does not delay the others.
 */
export async function replaySpool(options: ReplayOptions, signal: AbortSignal): Promise<void> {
  const { spool, ledger, logger, isItemsFault, onReplayed } = options;
  const replayed = new Set<StoredEntry>();
  for (const stored of [...spool.waiting()]) {
    if (signal.aborted) break;
    const { holdId: hold } = stored.entry.request;
    try {
      const outcome = await replay(ledger, stored.entry);
      replayed.add(stored);
      onReplayed(outcome);
      logger.warn({ hold, kind: stored.entry.kind, outcome }, 'spooled settlement replayed');
    } catch (error) {
      if (!isItemsFault(error)) break;
      logger.error({ err: error, hold }, 'spooled settlement refused');
    }
  }
  if (replayed.size > 0) await spool.remove(replayed);
}

async function replay(ledger: ReplayOptions['ledger'], entry: SpoolEntry): Promise<ReplayOutcome> {
  if (entry.kind === 'settle') return (await settleOrCorrect(ledger, entry.request)).outcome;
  return (await ledger.close(entry.request)).outcome;
}
