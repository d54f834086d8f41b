/** Limits of single users, in addition to those of their account. */
import type { LedgerConnection } from './ledger.ts';
import { shardOf } from './shard.ts';
import type { LimitSegment } from './types.ts';

/** A limit of one user: always in force. */
export type UserLimit = Pick<
  LimitSegment,
  'meter' | 'window' | 'amount' | 'thresholdBps' | 'blocks' | 'onLimit'
>;

export type UserLimits = {
  accountId: string;
  userId: string;
  /** The user has made no request yet: limits need not sum earlier ones. */
  isNew: boolean;
  limits: readonly UserLimit[];
};

/**
 * Replaces the limits of one user of an account that has balances, in the caller's transaction. Unlike `setLimits`, its
 * cost does not grow with the members of the account, whose limits stay.
 */
export async function setUserLimits(
  db: LedgerConnection,
  now: Date | null,
  { accountId, userId, isNew, limits }: UserLimits,
): Promise<void> {
  const rows = limits.map(({ meter, window, amount, thresholdBps, blocks, onLimit }) => ({
    meter,
    window,
    kind: amount.kind,
    amount: amount.kind === 'n' ? amount.n.toString() : null,
    threshold_bps: thresholdBps,
    block_bps: blocks ? thresholdBps[2] : null,
    on_limit: onLimit,
  }));
  await db.$client.query('SELECT ledger_set_user_limits($1, $2, $3, $4, $5, $6)', [
    now,
    shardOf(accountId),
    accountId,
    userId,
    isNew,
    JSON.stringify(rows),
  ]);
}
