import type { Listener } from '#libs/db/listen.ts';
import { CHANGES_CHANNEL, parseChange } from '#libs/db/notify.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { ActiveRequests } from './domain/active-requests.ts';

const RETRY_DELAY_MS = 250;

export type StopWatch = {
  /** Resolves once every active stop is known. */
  readonly start: () => Promise<void>;
  readonly stop: () => void;
};

/** Applies emergency stops to the active requests: from notifications, and from the ledger after a gap in them. */
export function createStopWatch(options: {
  listener: Listener;
  ledger: Pick<Ledger, 'stops'>;
  activeRequests: ActiveRequests;
  logger: Logger;
}): StopWatch {
  const { listener, ledger, activeRequests, logger } = options;
  let unsubscribe = () => {};
  let timer: NodeJS.Timeout | undefined;

  function apply(payload: string): void {
    const change = parseChange(payload);
    if (change?.kind === 'stop_lifted') activeRequests.liftStop(change.id);
    if (change?.kind !== 'stop') return;
    const { id, stop: kind, target } = change;
    logger.warn({ stop: id, kind, target }, 'emergency stop applied');
    activeRequests.stop({ id, kind, target });
  }

  async function readStops(): Promise<void> {
    activeRequests.setStops(await ledger.stops());
  }

  /** Retries while the database is coming back: until it can be read, stopped requests continue to run. */
  function readStopsWithRetry(): void {
    readStops().catch((error: unknown) => {
      logger.warn({ err: error }, 'reading stops failed');
      timer = setTimeout(readStopsWithRetry, RETRY_DELAY_MS);
    });
  }

  return {
    async start() {
      unsubscribe = await listener.listen(
        [CHANGES_CHANNEL],
        (_channel, payload) => apply(payload),
        readStopsWithRetry,
      );
      await readStops();
    },
    stop() {
      clearTimeout(timer);
      unsubscribe();
    },
  };
}
