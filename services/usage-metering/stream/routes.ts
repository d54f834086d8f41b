import type { FastifyInstance } from 'fastify';
import { type UpgradeSource, upgradeFor } from '#libs/clients/alert-upgrades.ts';
import type { AlertWire } from '#libs/contracts/alerts.ts';
import { streamUsage } from '#libs/contracts/usage-stream.ts';
import type { Database } from '#libs/db/database.ts';
import { openEventStream } from '#libs/http/event-stream.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { StreamSlots } from '#libs/service/stream-slots.ts';
import { readerOf } from '../alerts/domain/reader.ts';
import { presentAlert } from '../alerts/plugin.ts';
import { type ReadAccountOptions, readAccount } from '../usage/plugin.ts';
import { type FollowOptions, followUsage, lowestIdAt } from './follow.ts';
import type { UsageHub } from './hub.ts';
import type { StopBoard } from './stop-board.ts';
import { listAlertsAfter } from './store.ts';

export type StreamRouteOptions = ReadAccountOptions & {
  database: Database;
  clock: Clock;
  hub: UsageHub;
  stops: StopBoard;
  slots: Pick<StreamSlots, 'take'>;
  entitlements: UpgradeSource;
};

/** Of one account, over all processes. */
export const MAX_STREAMS = 100;
const ALERTS_PER_READING = 100;
const RETRY_SECONDS = 5;

export function streamRoutes(app: FastifyInstance, options: StreamRouteOptions): void {
  const { database, clock, hub, stops, slots, entitlements } = options;
  const closing = new AbortController();

  const present = async (alert: Parameters<typeof presentAlert>[0]): Promise<AlertWire> =>
    presentAlert(alert, await upgradeFor(entitlements, alert));

  serveOperation(app, streamUsage, async (request, reply) => {
    const caller = callerOf(request);
    const { accountId, userId, keyId, workspaceId } = caller;
    const viewer = { accountId, userId, keyId, workspaceId };
    const user = readerOf(caller);
    const release = await slots.take(`usage ${accountId}`, MAX_STREAMS);
    if (release === undefined) throw tooManyStreams();
    try {
      // Fails before the stream begins; also creates the balances of a new account.
      await readAccount(options, viewer, request.id);
      const follow: Omit<FollowOptions, 'signal'> = {
        hub,
        stops,
        viewer,
        after: request.headers['last-event-id'] ?? lowestIdAt(clock.now().getTime()),
        listAlerts: async (after) => {
          const found = await listAlertsAfter(database, {
            accountId,
            user,
            after,
            limit: ALERTS_PER_READING,
          });
          return Promise.all(found.map(present));
        },
      };
      reply.hijack();
      const stream = openEventStream(reply.raw);
      await followUsage(stream, { ...follow, signal: AbortSignal.any([stream.gone, closing.signal]) }).catch(
        (error: unknown) => request.log.warn({ err: error }, 'usage stream failed'),
      );
      void stream.send({ event: 'end', data: '{"reason":"shutdown"}' });
      stream.end();
      return reply;
    } finally {
      release();
    }
  });

  // The server waits for open responses before it closes.
  app.addHook('preClose', async () => {
    closing.abort();
    hub.stop();
  });
}

function tooManyStreams() {
  const policy = 'usage_streams';
  return problem('rate_limited', {
    detail: `The account has ${MAX_STREAMS} open streams of its usage.`,
    fields: { policy, max_requests: MAX_STREAMS },
    headers: {
      'ratelimit-policy': `"${policy}";q=${MAX_STREAMS}`,
      ratelimit: `"${policy}";r=0;t=${RETRY_SECONDS}`,
      'retry-after': String(RETRY_SECONDS),
    },
  });
}
