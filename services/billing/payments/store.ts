import type { Pool } from 'pg';
import type { PaymentDraft, PaymentRequest, PaymentResolution } from './domain.ts';

type Database = Pick<Pool, 'query'>;

type PaymentRow = {
  id: string;
  account_id: string;
  kind: PaymentRequest['kind'];
  catalogue_version_id: string;
  plan_key: string;
  cycle: PaymentRequest['cycle'];
  amount_minor: number;
  currency: 'USD';
  status: PaymentRequest['status'];
  driver: string;
  driver_reference: string | null;
  instructions: string | null;
  created_at: Date;
  expires_at: Date;
  settled_at: Date | null;
  settled_by: string | null;
  note: string | null;
};

const COLUMNS = `id, account_id, kind, catalogue_version_id, plan_key, cycle, amount_minor, currency, status, driver,
  driver_reference, instructions, created_at, expires_at, settled_at, settled_by, note`;

export async function findOpenRequest(
  database: Database,
  accountId: string,
): Promise<PaymentRequest | undefined> {
  return one(database, `SELECT ${COLUMNS} FROM payment_requests WHERE account_id = $1 AND status = 'open'`, [
    accountId,
  ]);
}

/** Scoped by account: a request of another one does not exist. */
export async function findRequest(
  database: Database,
  accountId: string,
  id: string,
): Promise<PaymentRequest | undefined> {
  return one(database, `SELECT ${COLUMNS} FROM payment_requests WHERE account_id = $1 AND id = $2`, [
    accountId,
    id,
  ]);
}

export async function insertRequest(
  database: Database,
  request: PaymentDraft & { id: string; accountId: string; driver: string; createdAt: Date },
): Promise<PaymentRequest> {
  return certain(
    await one(
      database,
      `INSERT INTO payment_requests (id, account_id, kind, catalogue_version_id, plan_key, cycle, amount_minor, currency,
                                     status, driver, created_at, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'open', $9, $10, $11)
       RETURNING ${COLUMNS}`,
      [
        request.id,
        request.accountId,
        request.kind,
        request.catalogueVersionId,
        request.planKey,
        request.cycle,
        request.amountMinor,
        request.currency,
        request.driver,
        request.createdAt,
        request.expiresAt,
      ],
    ),
  );
}

/** Closes an open request. @throws Error where it is not open, which its account's lock rules out. */
export async function resolveRequest(
  database: Database,
  id: string,
  status: 'paid' | 'void',
  { at, by, note }: PaymentResolution,
): Promise<PaymentRequest> {
  return certain(
    await one(
      database,
      `UPDATE payment_requests SET status = $2, settled_at = $3, settled_by = $4, note = $5
        WHERE id = $1 AND status = 'open' RETURNING ${COLUMNS}`,
      [id, status, at, by, note],
    ),
  );
}

export type PaymentFilter = {
  status: PaymentRequest['status'] | undefined;
  accountId: string | undefined;
};

export type PaymentStore = {
  findOpen: (accountId: string) => Promise<PaymentRequest | undefined>;
  payerOf: (id: string) => Promise<string | undefined>;
  /** Keeps what the driver said when it was first asked; later answers change nothing. */
  saveOrder: (id: string, order: { reference: string; instructions: string }) => Promise<PaymentRequest>;
  /** Open requests that no driver has been asked to collect, the oldest first. */
  uncollected: (limit: number) => Promise<PaymentRequest[]>;
  /** Newest first, after the request `cursor`. */
  list: (
    filter: PaymentFilter,
    page: { limit: number; cursor: string | undefined },
  ) => Promise<PaymentRequest[]>;
};

export function createPaymentStore(pool: Database): PaymentStore {
  return {
    findOpen: (accountId) => findOpenRequest(pool, accountId),
    async payerOf(id) {
      const { rows } = await pool.query<{ account_id: string }>(
        'SELECT account_id FROM payment_requests WHERE id = $1',
        [id],
      );
      return rows[0]?.account_id;
    },
    async saveOrder(id, { reference, instructions }) {
      return certain(
        await one(
          pool,
          `UPDATE payment_requests SET driver_reference = coalesce(driver_reference, $2),
                                       instructions = coalesce(instructions, $3)
            WHERE id = $1 RETURNING ${COLUMNS}`,
          [id, reference, instructions],
        ),
      );
    },
    uncollected: (limit) =>
      many(
        pool,
        `SELECT ${COLUMNS} FROM payment_requests WHERE status = 'open' AND driver_reference IS NULL
          ORDER BY id LIMIT $1`,
        [limit],
      ),
    list: ({ status, accountId }, { limit, cursor }) =>
      many(
        pool,
        `SELECT ${COLUMNS} FROM payment_requests
          WHERE ($2::uuid IS NULL OR id < $2) AND ($3::text IS NULL OR status = $3)
            AND ($4::uuid IS NULL OR account_id = $4)
          ORDER BY id DESC LIMIT $1`,
        [limit, cursor, status, accountId],
      ),
  };
}

async function many(database: Database, sql: string, values: unknown[]): Promise<PaymentRequest[]> {
  const { rows } = await database.query<PaymentRow>(sql, values);
  return rows.map(toRequest);
}

async function one(database: Database, sql: string, values: unknown[]): Promise<PaymentRequest | undefined> {
  const [row] = await many(database, sql, values);
  return row;
}

function certain(request: PaymentRequest | undefined): PaymentRequest {
  if (request === undefined) throw new Error('the payment request is not what its lock promises');
  return request;
}

function toRequest(row: PaymentRow): PaymentRequest {
  return {
    id: row.id,
    accountId: row.account_id,
    kind: row.kind,
    catalogueVersionId: row.catalogue_version_id,
    planKey: row.plan_key,
    cycle: row.cycle,
    amountMinor: row.amount_minor,
    currency: row.currency,
    status: row.status,
    driver: row.driver,
    driverReference: row.driver_reference,
    instructions: row.instructions,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    settledAt: row.settled_at,
    settledBy: row.settled_by,
    note: row.note,
  };
}
