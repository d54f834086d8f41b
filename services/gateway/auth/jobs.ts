import type { Database } from '#libs/db/database.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import { type Channels, MAIL_CHANNEL, MAIL_TASK } from '#libs/outbox/deliveries.ts';
import { deliveryTask } from '#libs/outbox/tasks.ts';
import type { Logger } from '#libs/service/logger.ts';
import { createPeriodicJob, type PeriodicJob } from '#libs/service/periodic-job.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { type AlertMailOptions, createAlertMailChannel } from './alert-mails.ts';
import { deleteExpiredEmailTokens } from './email-tokens-store.ts';
import { createMailChannel, type MailOptions } from './mails.ts';
import { deleteExpiredTokens } from './sessions-store.ts';
import { recordKeyUse } from './store.ts';

/** Collects the last use of API keys in memory and writes it in batches, off the request path. */
export type KeyUse = {
  /** Notes that a key is used now; costs a map lookup. */
  note: (keyId: string) => void;
  /** Writes the notes. A failure loses them; later uses are written again. */
  flush: () => Promise<void>;
  /** Flushes periodically in this process. */
  job: PeriodicJob;
};

/** A busy key costs one write a minute. */
export const KEY_USE_PRECISION_MS = 60_000;
const FLUSH_INTERVAL_MS = 10_000;
const MAX_KEYS = 100_000;

export function createKeyUse({
  database,
  clock,
  logger,
}: {
  database: Database;
  clock: Clock;
  logger: Logger;
}): KeyUse {
  /** When each key was last noted. */
  const notedAtMs = new Map<string, number>();
  let pending = new Map<string, Date>();

  async function flush(): Promise<void> {
    if (pending.size === 0) return;
    const batch = pending;
    pending = new Map();
    await recordKeyUse(database, batch);
  }

  return {
    note(keyId) {
      const now = clock.now();
      const before = notedAtMs.get(keyId);
      if (before !== undefined && now.getTime() - before < KEY_USE_PRECISION_MS) return;
      if (notedAtMs.size >= MAX_KEYS) notedAtMs.clear();
      notedAtMs.set(keyId, now.getTime());
      pending.set(keyId, now);
    },
    flush,
    job: createPeriodicJob({ name: 'record-key-use', intervalMs: FLUSH_INTERVAL_MS, logger, run: flush }),
  };
}

/** Delivers the mails of the gateway: those that were requested, and alerts. */
export function mailTask(options: AlertMailOptions & MailOptions): Task {
  const { database, runtime } = options;
  const requested = createMailChannel(options);
  const alerts = createAlertMailChannel(options);
  const channels: Channels = {
    [MAIL_CHANNEL]: (event, ...rest) =>
      event.type === 'mail.requested' ? requested(event, ...rest) : alerts(event, ...rest),
  };
  return deliveryTask(MAIL_TASK, { database, channels, clock: runtime.clock });
}

export function authTasks({ database, now }: { database: Database; now: Clock['now'] }): Task[] {
  return [
    defineTask({
      name: 'delete-expired-refresh-tokens',
      schedule: { cron: '7 * * * *' },
      run: async (_payload, { logger }) => {
        const count = await deleteExpiredTokens(database, now());
        if (count > 0) logger.info({ count }, 'expired refresh tokens deleted');
      },
    }),
    defineTask({
      name: 'delete-expired-email-tokens',
      schedule: { cron: '11 * * * *' },
      run: async (_payload, { logger }) => {
        const count = await deleteExpiredEmailTokens(database, now());
        if (count > 0) logger.info({ count }, 'expired email tokens deleted');
      },
    }),
  ];
}
