import type { Pool, PoolClient } from 'pg';
import { notify } from '#libs/db/notify.ts';
import { transaction } from '#libs/db/transaction.ts';
import { setLimits } from '#libs/ledger/ledger.ts';
import { readAdjustments, SHARE_COMMON_TERMS } from '../adjustments/store.ts';
import type { CatalogueStore } from '../catalogues/versions.ts';
import type { ScheduledChange, Subscription } from './domain.ts';
import { type KeyLimit, ledgerLimitsOf } from './ledger-limits.ts';
import { type Cycle, USAGE_PERIOD_MONTHS } from './period.ts';

/** A change of what an account has, decided while its subscription is locked. */
export type SubscriptionChange = {
  accountId: string;
  now: Date;
  /** The subscription to be, from the one that is; the very same object where nothing is to change. */
  decide: (current: Subscription | undefined, client: PoolClient) => Subscription | Promise<Subscription>;
  /**
   * Other rows of billing that the limits come from, changed in the same transaction. When given, the limits are
   * computed anew even if the subscription stays as it is.
   */
  inTransaction?: (client: PoolClient) => Promise<void>;
};

export type SubscriptionStore = {
  find: (accountId: string) => Promise<Subscription | undefined>;
  /**
   * The only way anything that decides an account's limits is changed: the subscription, the ledger's limits and the
   * word to all services commit together, so nobody ever acts on half of it.
   */
  applySubscription: (change: SubscriptionChange) => Promise<Subscription>;
  accountExists: (accountId: string) => Promise<boolean>;
};

export type SubscriptionRow = {
  account_id: string;
  catalogue_version_id: string;
  plan_key: string;
  cycle: Subscription['cycle'];
  status: Subscription['status'];
  anchor: Date;
  current_period_start: Date;
  current_period_end: Date;
  cancel_at_period_end: boolean;
  trial_ends_at: Date | null;
  access_ends_at: Date | null;
  complimentary: boolean;
  scheduled_change: {
    plan_key: string;
    cycle: Cycle;
    catalogue_version_id: string;
    moves_to?: string | null;
  } | null;
  period_paid_minor: number | null;
  seats: number | null;
};

export const SUBSCRIPTION_COLUMNS = `account_id, catalogue_version_id, plan_key, cycle, status, anchor, current_period_start,
  current_period_end, cancel_at_period_end, trial_ends_at, access_ends_at, complimentary, scheduled_change,
  period_paid_minor, seats`;

const FIND_SQL = `SELECT ${SUBSCRIPTION_COLUMNS} FROM subscriptions WHERE account_id = $1`;

const SAVE_SQL = `
  INSERT INTO subscriptions (${SUBSCRIPTION_COLUMNS}, created_at, updated_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16)
  ON CONFLICT (account_id) DO UPDATE SET
    catalogue_version_id = excluded.catalogue_version_id, plan_key = excluded.plan_key, cycle = excluded.cycle,
    status = excluded.status, anchor = excluded.anchor, current_period_start = excluded.current_period_start,
    current_period_end = excluded.current_period_end, cancel_at_period_end = excluded.cancel_at_period_end,
    trial_ends_at = excluded.trial_ends_at, access_ends_at = excluded.access_ends_at,
    complimentary = excluded.complimentary, scheduled_change = excluded.scheduled_change,
    period_paid_minor = excluded.period_paid_minor, seats = excluded.seats, updated_at = excluded.updated_at`;

/** Serialises changes of one account, also of one that has no row yet to lock. */
const LOCK_SQL = `SELECT pg_advisory_xact_lock(hashtextextended('subscription ' || $1, 0))`;

export function createSubscriptionStore(
  pool: Pool,
  catalogues: Pick<CatalogueStore, 'version'>,
): SubscriptionStore {
  return {
    find: (accountId) => find(pool, accountId),
    applySubscription: ({ accountId, now, decide, inTransaction }) =>
      transaction(pool, async (client) => {
        await client.query(SHARE_COMMON_TERMS);
        await client.query(LOCK_SQL, [accountId]);
        const current = await find(client, accountId);
        const subscription = await decide(current, client);
        if (subscription === current && inTransaction === undefined) return subscription;
        if (subscription !== current) await save(client, subscription, now);
        await inTransaction?.(client);
        const keyLimits = await findKeyLimits(client, accountId);
        const sold = await catalogues.version(subscription.catalogueVersionId, client);
        const adjustments = await readAdjustments(client, accountId, now);
        await setLimits(client, now, {
          accountId,
          anchor: subscription.anchor,
          periodMonths: USAGE_PERIOD_MONTHS,
          segments: ledgerLimitsOf({ subscription, sold, adjustments }, keyLimits, now),
        });
        await notify(client, { kind: 'account', id: accountId });
        return subscription;
      }),
    async accountExists(accountId) {
      const { rowCount } = await pool.query(`SELECT FROM accounts WHERE id = $1 AND status <> 'deleted'`, [
        accountId,
      ]);
      return rowCount === 1;
    },
  };
}

async function save(client: PoolClient, subscription: Subscription, now: Date): Promise<void> {
  await client.query(SAVE_SQL, [
    subscription.accountId,
    subscription.catalogueVersionId,
    subscription.planKey,
    subscription.cycle,
    subscription.status,
    subscription.anchor,
    subscription.currentPeriodStart,
    subscription.currentPeriodEnd,
    subscription.cancelAtPeriodEnd,
    subscription.trialEndsAt,
    subscription.accessEndsAt,
    subscription.complimentary,
    scheduledToRow(subscription.scheduledChange),
    subscription.periodPaidMinor,
    subscription.seats,
    now,
  ]);
}

async function find(database: Pick<Pool, 'query'>, accountId: string): Promise<Subscription | undefined> {
  const { rows } = await database.query<SubscriptionRow>(FIND_SQL, [accountId]);
  return rows[0] && toSubscription(rows[0]);
}

export function toSubscription(row: SubscriptionRow): Subscription {
  return {
    accountId: row.account_id,
    catalogueVersionId: row.catalogue_version_id,
    planKey: row.plan_key,
    cycle: row.cycle,
    status: row.status,
    anchor: row.anchor,
    currentPeriodStart: row.current_period_start,
    currentPeriodEnd: row.current_period_end,
    cancelAtPeriodEnd: row.cancel_at_period_end,
    trialEndsAt: row.trial_ends_at,
    accessEndsAt: row.access_ends_at,
    complimentary: row.complimentary,
    scheduledChange: row.scheduled_change && {
      planKey: row.scheduled_change.plan_key,
      cycle: row.scheduled_change.cycle,
      catalogueVersionId: row.scheduled_change.catalogue_version_id,
      movesTo: row.scheduled_change.moves_to ?? null,
    },
    periodPaidMinor: row.period_paid_minor,
    seats: row.seats,
  };
}

function scheduledToRow(change: ScheduledChange | null): SubscriptionRow['scheduled_change'] {
  return (
    change && {
      plan_key: change.planKey,
      cycle: change.cycle,
      catalogue_version_id: change.catalogueVersionId,
      moves_to: change.movesTo,
    }
  );
}

async function findKeyLimits(client: PoolClient, accountId: string): Promise<KeyLimit[]> {
  const { rows } = await client.query<{
    key_id: string;
    meter: string;
    win: KeyLimit['window'];
    amount: bigint;
  }>('SELECT key_id, meter, win, amount FROM key_limits WHERE account_id = $1', [accountId]);
  return rows.map(({ key_id: keyId, meter, win: window, amount }) => ({ keyId, meter, window, amount }));
}

/** Replaces the limits of one key; for `inTransaction`, so that they are in force when it commits. */
export async function replaceKeyLimits(
  client: PoolClient,
  accountId: string,
  keyId: string,
  limits: readonly Omit<KeyLimit, 'keyId'>[],
  now: Date,
): Promise<void> {
  await client.query('DELETE FROM key_limits WHERE account_id = $1 AND key_id = $2', [accountId, keyId]);
  await client.query(
    `INSERT INTO key_limits (account_id, key_id, meter, win, amount, updated_at)
     SELECT $1, $2, l.*, $6 FROM unnest($3::text[], $4::text[], $5::bigint[]) l`,
    [
      accountId,
      keyId,
      limits.map(({ meter }) => meter),
      limits.map(({ window }) => window),
      limits.map(({ amount }) => amount.toString()),
      now,
    ],
  );
}
