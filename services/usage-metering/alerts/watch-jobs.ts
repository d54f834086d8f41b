/** Tasks that look for unusual costs, failing providers and failed background work. */
import { type Database, transaction } from '#libs/db/database.ts';
import { NO_ID } from '#libs/db/schema/ledger.ts';
import { listFailedTasks } from '#libs/jobs/admin.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import { emit, type OutboxEvent } from '#libs/outbox/emit.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { findAnomaly } from './domain/anomaly.ts';
import {
  deleteHoursBefore,
  flagHour,
  listHistory,
  listHour,
  listProviderHealth,
  sumHour,
  wasAlerted,
} from './watch-store.ts';

export type WatchOptions = { database: Database; runtime: Pick<Runtime, 'clock' | 'newId'> };

const HOUR_MS = 3_600_000;
const HISTORY_MS = 14 * 24 * HOUR_MS;
const RETENTION_MS = 30 * 24 * HOUR_MS;
const PROVIDER_WINDOW_MINUTES = 15;
const MIN_PROVIDER_CALLS = 20;
const MIN_ERROR_SHARE = 0.5;
/** One subject is alerted at most this often. */
const REPEAT_MS = HOUR_MS;

export function watchTasks({ database, runtime }: WatchOptions): Task[] {
  const { clock, newId } = runtime;
  const before = (ms: number) => new Date(clock.now().getTime() - ms);

  const emitNow = (event: Pick<OutboxEvent, 'type' | 'accountId' | 'payload'>) =>
    transaction(database, (tx) => emit(tx, { ...event, id: newId(), createdAt: clock.now() }, newId));

  /** Alerts operators once an hour for one subject. The task runs serially, so the check cannot race. */
  async function emitOnce(
    type: 'provider.failing' | 'system.error',
    field: string,
    payload: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const value = String(payload[field]);
    if (await wasAlerted(database, type, { field, value, since: before(REPEAT_MS) })) return;
    await emitNow({ type, accountId: null, payload });
  }

  return [
    defineTask({
      name: 'detect-cost-anomalies',
      schedule: { cron: '4 * * * *' },
      run: async (_, { signal }) => {
        const end = new Date(Math.floor(clock.now().getTime() / HOUR_MS) * HOUR_MS);
        const hour = new Date(end.getTime() - HOUR_MS);
        await sumHour(database, hour, end);
        for (const sum of await listHour(database, hour)) {
          signal.throwIfAborted();
          await judgeHour(database, runtime, sum);
        }
        await deleteHoursBefore(database, before(RETENTION_MS));
      },
    }),
    defineTask({
      name: 'watch-providers',
      schedule: { everySeconds: 60 },
      run: async () => {
        const from = before(PROVIDER_WINDOW_MINUTES * 60_000);
        for (const health of await listProviderHealth(database, from, clock.now())) {
          const { calls, errors } = health;
          if (calls >= MIN_PROVIDER_CALLS && errors / calls >= MIN_ERROR_SHARE)
            await emitOnce('provider.failing', 'provider', { ...health, minutes: PROVIDER_WINDOW_MINUTES });
        }
      },
    }),
    defineTask({
      name: 'watch-failed-jobs',
      schedule: { everySeconds: 60 },
      run: async () => {
        for (const { task, count, lastError } of await listFailedTasks(database, before(REPEAT_MS)))
          await emitOnce('system.error', 'task', { task, count, last_error: lastError });
      },
    }),
  ];
}

async function judgeHour(
  database: Database,
  { clock, newId }: WatchOptions['runtime'],
  sum: { accountId: string; hour: Date; costNanoUsd: bigint; calls: bigint; flaggedAt: Date | null },
): Promise<void> {
  const { accountId, hour, costNanoUsd, calls, flaggedAt } = sum;
  if (flaggedAt !== null) return;
  const since = new Date(hour.getTime() - HISTORY_MS);
  const anomaly = findAnomaly(costNanoUsd, await listHistory(database, accountId, since, hour));
  if (anomaly === null) return;
  const createdAt = clock.now();
  const payload = {
    hour: hour.toISOString(),
    cost_nano_usd: costNanoUsd.toString(),
    median_nano_usd: anomaly.medianNanoUsd.toString(),
    score: Math.round(anomaly.score * 10) / 10,
    calls: Number(calls),
  };
  await transaction(database, async (tx) => {
    if (!(await flagHour(tx, sum, createdAt))) return;
    const about = { type: 'usage.anomaly', accountId: accountId === NO_ID ? null : accountId } as const;
    await emit(tx, { ...about, id: newId(), payload, createdAt }, newId);
  });
}
