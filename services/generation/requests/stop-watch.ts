import { setTimeout as delay } from 'node:timers/promises';
import type { Listener } from '#libs/db/listen.ts';
import { CHANGES_CHANNEL, parseChange } from '#libs/db/notify.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { StopNotice } from '#libs/service/refusal.ts';
import type { ActiveRequests, ActiveStop } from './domain/active-requests.ts';

const RETRY_DELAY_MS = 250;
/** A stop does not wait longer for what callers may read about it. */
const NOTICE_TIMEOUT_MS = 200;

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
  /** What callers may read about stops, by the id of the stop. */
  readNotices: (ids: readonly string[]) => Promise<ReadonlyMap<string, StopNotice>>;
  logger: Logger;
}): StopWatch {
  const { listener, ledger, activeRequests, readNotices, logger } = options;
  /** Notified since the ledger was last read, which that reading may have missed. */
  const recent = new Map<string, ActiveStop>();
  /** Lifted stops, which never come back into force under their id. */
  const lifted = new Set<string>();
  let unsubscribe = () => {};
  let timer: NodeJS.Timeout | undefined;

  function apply(payload: string): void {
    const change = parseChange(payload);
    if (change?.kind === 'stop_lifted') {
      lifted.add(change.id);
      activeRequests.liftStop(change.id);
    }
    if (change?.kind !== 'stop') return;
    const { id, stop: kind, target } = change;
    void applyStop({ id, kind, target });
  }

  async function applyStop(stop: ActiveStop): Promise<void> {
    recent.set(stop.id, stop);
    const notice = (await noticesOf([stop.id])).get(stop.id);
    if (lifted.has(stop.id)) return;
    logger.warn({ stop: stop.id, kind: stop.kind, target: stop.target }, 'emergency stop applied');
    activeRequests.stop({ ...stop, notice });
  }

  /** The notices, or none if they cannot be read in time. */
  async function noticesOf(ids: readonly string[]): Promise<ReadonlyMap<string, StopNotice>> {
    const none: ReadonlyMap<string, StopNotice> = new Map();
    return Promise.race([readNotices(ids).catch(() => none), delay(NOTICE_TIMEOUT_MS, none, { ref: false })]);
  }

  async function readStops(): Promise<void> {
    recent.clear();
    const read = await ledger.stops();
    const notices = await noticesOf(read.map(({ id }) => id));
    const described = read.map((stop) => ({ ...stop, notice: notices.get(stop.id) }));
    activeRequests.setStops([...described, ...recent.values()].filter(({ id }) => !lifted.has(id)));
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
