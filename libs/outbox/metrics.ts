import { asc, count, eq, sql } from 'drizzle-orm';
import { Gauge } from 'prom-client';
import type { Database, Queryable } from '#libs/db/database.ts';
import { outboxDeliveries, outboxEvents } from '#libs/db/schema/outbox.ts';
import type { Metrics } from '#libs/service/metrics.ts';

/** Deliveries to come by channel, and how late the oldest of those is that is due. Read when scraped. */
export function registerOutboxMetrics(registry: Metrics['registry'], database: Database): void {
  const registers = [registry];
  let reading: ReturnType<typeof listBacklog> | undefined;
  // Both gauges are collected at the same time and share one query.
  const read = () => {
    reading ??= listBacklog(database).finally(() => {
      reading = undefined;
    });
    return reading;
  };
  new Gauge({
    name: 'inkmeter_outbox_pending_deliveries',
    help: 'Deliveries of events that are neither done nor dead, by channel',
    labelNames: ['channel'] as const,
    registers,
    async collect() {
      const backlog = await read();
      this.reset();
      for (const { channel, pending } of backlog) this.set({ channel }, pending);
    },
  });
  new Gauge({
    name: 'inkmeter_outbox_lag_seconds',
    help: 'Time since the oldest delivery that is due became due, by channel; 0 when none is',
    labelNames: ['channel'] as const,
    registers,
    async collect() {
      const backlog = await read();
      this.reset();
      for (const { channel, lag } of backlog) this.set({ channel }, lag);
    },
  });
}

function listBacklog(db: Queryable): Promise<{ channel: string; pending: number; lag: number }[]> {
  const dueAt = sql`coalesce(${outboxDeliveries.nextAttemptAt}, ${outboxEvents.createdAt})`;
  return (
    db
      .select({
        channel: outboxDeliveries.channel,
        pending: count(),
        lag: sql<number>`greatest(0, extract(epoch FROM now() - min(${dueAt})))::float8`,
      })
      .from(outboxDeliveries)
      .innerJoin(outboxEvents, eq(outboxEvents.id, outboxDeliveries.eventId))
      // A literal, so that the planner sees that the index of pending deliveries has them.
      .where(eq(outboxDeliveries.status, sql`'pending'`))
      .groupBy(outboxDeliveries.channel)
      .orderBy(asc(outboxDeliveries.channel))
  );
}
