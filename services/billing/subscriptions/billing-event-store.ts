import type { Pool } from 'pg';
import type { BillingEvent, EventData } from './billing-event.ts';

type Database = Pick<Pool, 'query'>;

type EventRow = {
  id: string;
  account_id: string;
  kind: BillingEvent['kind'];
  subject: string;
  data: EventData;
  occurred_at: Date;
};

/** Writes an event down. @returns false where it has been told already. */
export async function recordEvent(database: Database, event: BillingEvent): Promise<boolean> {
  const { id, accountId, kind, subject, data, at } = event;
  const { rowCount } = await database.query(
    `INSERT INTO billing_events (id, account_id, kind, subject, data, occurred_at)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_id, kind, subject) DO NOTHING`,
    [id, accountId, kind, subject, data, at],
  );
  return rowCount === 1;
}

export type EventFilter = { accountId: string | undefined; kind: string | undefined };

export type BillingEventStore = {
  record: (event: BillingEvent) => Promise<boolean>;
  /** Newest first, after the event `cursor`. */
  list: (filter: EventFilter, page: { limit: number; cursor: string | undefined }) => Promise<BillingEvent[]>;
};

export function createBillingEventStore(pool: Database): BillingEventStore {
  return {
    record: (event) => recordEvent(pool, event),
    async list({ accountId, kind }, { limit, cursor }) {
      const { rows } = await pool.query<EventRow>(
        `SELECT id, account_id, kind, subject, data, occurred_at FROM billing_events
          WHERE ($2::uuid IS NULL OR id < $2) AND ($3::uuid IS NULL OR account_id = $3)
            AND ($4::text IS NULL OR kind = $4)
          ORDER BY id DESC LIMIT $1`,
        [limit, cursor, accountId, kind],
      );
      return rows.map(({ account_id: accountId, occurred_at: at, ...row }) => ({ ...row, accountId, at }));
    },
  };
}
