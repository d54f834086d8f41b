/** The emergency stops in force, read once for all streams whenever one changes. */
import type { Logger } from '#libs/service/logger.ts';
import { type StopInForce, stopsFor } from './domain.ts';
import type { Viewer } from './hub.ts';

export type StopBoard = {
  /** The stops that concern a viewer. */
  readonly of: (viewer: Viewer) => StopInForce[];
  /** @returns a function that ends the subscription. */
  readonly subscribe: (onChange: () => void) => () => void;
  /** Reads them again, and notifies the subscribers. Keeps the last ones if they cannot be read. */
  readonly refresh: () => Promise<void>;
};

export function createStopBoard(options: {
  readStops: () => Promise<StopInForce[]>;
  logger: Pick<Logger, 'warn'>;
}): StopBoard {
  const { readStops, logger } = options;
  const subscribers = new Set<() => void>();
  let stops: readonly StopInForce[] = [];
  return {
    of: (viewer) => stopsFor(stops, viewer),
    subscribe(onChange) {
      subscribers.add(onChange);
      return () => subscribers.delete(onChange);
    },
    async refresh() {
      try {
        stops = await readStops();
      } catch (error) {
        logger.warn({ err: error }, 'stops not read for streams');
        return;
      }
      for (const notify of subscribers) notify();
    },
  };
}
