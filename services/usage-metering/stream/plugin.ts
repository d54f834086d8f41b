import type { FastifyPluginAsync } from 'fastify';
import type { Listener } from '#libs/db/listen.ts';
import { CHANGES_CHANNEL, parseChange } from '#libs/db/notify.ts';
import { readLimits } from '#libs/ledger/read-limits.ts';
import type { Logger } from '#libs/service/logger.ts';
import { createUsageHub } from './hub.ts';
import { type StreamRouteOptions, streamRoutes } from './routes.ts';
import { createStopBoard } from './stop-board.ts';
import { readMarks, readStops } from './store.ts';

export type StreamOptions = Omit<StreamRouteOptions, 'hub' | 'stops'> & {
  listener: Pick<Listener, 'listen'>;
  logger: Logger;
  intervalMs?: number;
};

/** The SQL function `notify_of_alerts` sends the id of an account with new alerts. */
const ALERTS_CHANNEL = 'inkmeter_alerts';

/** Usage as it changes, for as many clients as there are, with one listening connection and one query a second. */
export const streamPlugin: FastifyPluginAsync<StreamOptions> = async (app, options) => {
  const { database, clock, listener, logger, intervalMs } = options;
  const hub = createUsageHub({
    readMarks: (accountIds) => readMarks(database, accountIds),
    readLimits: async (viewer) => (await readLimits(database, clock.now(), viewer))?.limits ?? [],
    clock,
    logger,
    ...(intervalMs !== undefined && { intervalMs }),
  });
  const stops = createStopBoard({ readStops: () => readStops(database), logger });
  let unlisten = () => {};
  app.addHook('onReady', async () => {
    unlisten = await listener.listen(
      [ALERTS_CHANNEL, CHANGES_CHANNEL],
      (channel, payload) => {
        if (channel === ALERTS_CHANNEL) return hub.notifyOfAlerts(payload);
        const kind = parseChange(payload)?.kind;
        if (kind === 'stop' || kind === 'stop_lifted') void stops.refresh();
      },
      () => {
        hub.notifyAll();
        void stops.refresh();
      },
    );
    await stops.refresh();
  });
  app.addHook('onClose', () => unlisten());
  streamRoutes(app, { ...options, hub, stops });
};
