import type { Listener } from '#libs/db/listen.ts';
import { CHANGES_CHANNEL, parseChange } from '#libs/db/notify.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { ActiveRequests } from './active-requests.ts';

const REREAD_DELAY_MS = 250;

export type StopWatch = {
  /** Resolves once no stop can be missed any more. */
  readonly start: () => Promise<void>;
  readonly stop: () => void;
};

/** Tells the running work of emergency stops: as they are announced, and from the books after a gap. */
export function createStopWatch(dependencies: {
  listener: Listener;
  ledger: Pick<Ledger, 'stops'>;
  registry: ActiveRequests;
  logger: Logger;
}): StopWatch {
  const { listener, ledger, registry, logger } = dependencies;
  let unsubscribe = () => {};
  let timer: NodeJS.Timeout | undefined;

  function onAnnouncement(payload: string): void {
    const change = parseChange(payload);
    if (change?.kind === 'stop_lifted') registry.liftStop(change.id);
    if (change?.kind !== 'stop') return;
    const { id, stop: kind, target } = change;
    logger.warn({ stop: id, kind, target }, 'an emergency stop is in force');
    registry.stop({ id, kind, target });
  }

  async function reread(): Promise<void> {
    registry.setStops(await ledger.stops());
  }

  /** The database may just be coming back: until it has been read, work goes on that may have been stopped. */
  function rereadUntilDone(): void {
    reread().catch((error: unknown) => {
      logger.warn({ err: error }, 'stops could not be read');
      timer = setTimeout(rereadUntilDone, REREAD_DELAY_MS);
    });
  }

  return {
    async start() {
      unsubscribe = await listener.listen(
        [CHANGES_CHANNEL],
        (_channel, payload) => onAnnouncement(payload),
        rereadUntilDone,
      );
      await reread();
    },
    stop() {
      clearTimeout(timer);
      unsubscribe();
    },
  };
}
