/** The ledger: hold, settle, close, expire, limits and stops. See README.md for the model and its guarantees. */
import pg, { type Pool } from 'pg';
import { violatesUnique } from '#libs/db/database.ts';
import { movedNow } from '#libs/service/system-clock.ts';
import { checkProgram } from './check.ts';
import { type CorrectOutcome, type CorrectRequest, correctProgram } from './correct.ts';
import { expireProgram } from './expire.ts';
import { type ExtendRequest, extendProgram } from './extend.ts';
import { createGroupCommit, type GroupCommit } from './group-commit.ts';
import { holdProgram } from './hold.ts';
import { isolateLocked } from './isolate-locked.ts';
import { runWithin, type Session } from './load.ts';
import { type PastRecord, recordPastProgram } from './record-past.ts';
import { type Settlement, settleProgram } from './settle.ts';
import { SHARD_COUNT, shardOf } from './shard.ts';
import { runProgram } from './two-step.ts';
import type {
  CloseRequest,
  ExpiredHold,
  HoldAnswer,
  HoldRequest,
  LimitSegment,
  Meters,
  OverdueHold,
  SettleAnswer,
  SettleRequest,
  Stop,
  StopKind,
} from './types.ts';

export type LedgerOptions = {
  pool: Pool;
  /** The time operations are judged at; by default the database's own clock, one for all replicas. */
  now?: () => Date | null;
  /**
   * How many statements of one kind may be in flight. One does as long as it keeps up, for the larger a batch the less
   * each call of it costs; under pressure accounts are divided among all writers by shard.
   */
  writers?: number;
  /** Of calls in one statement. All of them go on in the same turn of the event loop, so more would be felt by others. */
  maxBatch?: number;
  maxWaiting?: number;
};

export type Ledger = {
  /**
   * Sets the worst case aside, or says why not. Never throws for a refusal.
   * @throws RangeError for a negative or absurd amount, {@link GroupCommitOverloadedError} when too many wait, and
   * and the database's own error if it is unavailable: nothing is admitted then.
   */
  hold: (request: HoldRequest) => Promise<HoldAnswer>;
  /** What holds would be answered, each made after those before it that are admitted. Nothing is held. Throws as `hold` does. */
  check: (requests: readonly HoldRequest[]) => Promise<HoldAnswer[]>;
  /**
   * Records one provider call and moves its amounts from held to used. Throws as `hold` does; repeat it then.
   *
   * @param tx records it in the caller's transaction, together with the result of the call. The account is locked from
   * then on, so the transaction should end soon.
   */
  settle: (request: SettleRequest, tx?: LedgerConnection) => Promise<SettleAnswer>;
  /**
   * Lets an open hold expire later than it was made to, in the caller's transaction if its connection is given.
   *
   * @returns the new expiry; null if the hold has ended. Throws as `settle` does.
   */
  extend: (request: ExtendRequest, tx?: LedgerConnection) => Promise<Date | null>;
  /** Releases what a hold has left, in the caller's transaction if its connection is given. */
  close: (request: CloseRequest, tx?: LedgerConnection) => Promise<SettleAnswer>;
  /**
   * Replaces the bound at which a call was recorded by its true figures, in the caller's transaction if its connection is
   * given. Throws as `settle` does.
   */
  correct: (request: CorrectRequest, tx?: LedgerConnection) => Promise<CorrectOutcome>;
  /**
   * Records usage of an account that was not held, in the windows of the time when it happened, in the caller's transaction
   * if its connection is given. Limits and stops do not refuse it.
   */
  recordPast: (accountId: string, records: readonly PastRecord[], tx?: LedgerConnection) => Promise<void>;
  /**
   * Ends holds past their expiry, oldest first, and releases what they have left.
   *
   * @param settle returns the calls of a hold that are recorded in the same transaction: those that may have been sent.
   */
  expire: (limit: number, settle?: (hold: OverdueHold) => readonly SettleRequest[]) => Promise<ExpiredHold[]>;
  /** Replaces an account's limits; holds see all of the change or none of it. */
  setLimits: (input: SetLimitsInput) => Promise<void>;
  /** Puts a stop into force, in the caller's transaction if its connection is given. */
  stop: (input: StopInput, tx?: LedgerConnection) => Promise<Stop>;
  /** Lifts a stop; undefined where there is none of this id. */
  liftStop: (input: { id: string; author: string }, tx?: LedgerConnection) => Promise<Stop | undefined>;
  stops: () => Promise<Stop[]>;
  /** Resolves when every operation handed in has been answered. */
  idle: () => Promise<void>;
};

export type SetLimitsInput = {
  accountId: string;
  /** Start of the subscription's first period; windows of kind `period` repeat from it. */
  anchor: Date;
  periodMonths: number;
  segments: readonly LimitSegment[];
};

export type StopInput = { id: string; kind: StopKind; target: string; reason: string; author: string };

/** A `Database`, or the `Tx` of the caller's transaction; the ledger uses its client only. */
export type LedgerConnection = { readonly $client: Pick<Pool, 'query'> };

const DECISION_KEY = 'ledger_decisions_shard_id_pk';

/** Calls waiting for one writer from which on it does not keep up. */
const PRESSURE = 128;

/** How long a batch waits for the locks of its accounts before those that are still locked are set aside. */
const BATCH_LOCK_WAIT_MS = 500;
const LOCKED_RETRY_MS = 100;
/** How long a call waits for its account. */
const ACCOUNT_LOCK_WAIT_MS = 5_000;

export function createLedger(options: LedgerOptions): Ledger {
  const { pool, now = movedNow, writers = 2, maxBatch = 128, maxWaiting = 20_000 } = options;
  const shardsPerWriter = Math.ceil(SHARD_COUNT / writers);

  const locking = {
    findLocked: (accountIds: string[]) => findLocked(pool, accountIds),
    retryMs: LOCKED_RETRY_MS,
    maxWaitMs: ACCOUNT_LOCK_WAIT_MS,
  };
  const isolatedHolds = isolateLocked({
    ...locking,
    run: (items: HoldRequest[]) => holdBatch(pool, { now: now(), maxWaitMs: BATCH_LOCK_WAIT_MS }, items),
  });
  const isolatedSettles = isolateLocked({
    ...locking,
    run: (items: Settlement[]) =>
      runProgram(pool, settleProgram({ now: now(), maxWaitMs: BATCH_LOCK_WAIT_MS }, items)),
  });

  const holds = Array.from({ length: writers }, () =>
    createGroupCommit<HoldRequest, HoldAnswer>({
      run: isolatedHolds.run,
      isItemsFault: isDataFault,
      key: (item) => item.id,
      maxBatch,
      maxWaiting,
    }),
  );
  const settles = Array.from({ length: writers }, () =>
    createGroupCommit<Settlement, SettleAnswer>({
      run: isolatedSettles.run,
      isItemsFault: isDataFault,
      key: (item) => item.holdId,
      maxBatch,
      maxWaiting,
    }),
  );
  function writerOf<Item, Answer>(queues: GroupCommit<Item, Answer>[], accountId: string) {
    const [first] = queues as [GroupCommit<Item, Answer>];
    if (first.waiting() < PRESSURE) return first;
    return queues[Math.floor(shardOf(accountId) / shardsPerWriter)] as GroupCommit<Item, Answer>;
  }

  function submitSettlement(settlement: Settlement, tx?: LedgerConnection): Promise<SettleAnswer> {
    return tx === undefined
      ? writerOf(settles, settlement.accountId).submit(settlement)
      : settleWithin(tx, settlement);
  }

  async function settleWithin(tx: LedgerConnection, settlement: Settlement): Promise<SettleAnswer> {
    const [answer] = await runWithin(
      tx.$client,
      settleProgram({ now: now(), maxWaitMs: null }, [settlement]),
    );
    return answer as SettleAnswer;
  }

  return {
    async hold(request) {
      assertHold(request);
      return writerOf(holds, request.accountId).submit(request);
    },
    async check(requests) {
      for (const request of requests) assertHold(request);
      return runProgram(pool, checkProgram({ now: now(), maxWaitMs: ACCOUNT_LOCK_WAIT_MS }, requests));
    },
    async settle(request, tx) {
      assertIds(request.holdId, request.accountId);
      assertAmounts(request.meters);
      return submitSettlement(request, tx);
    },
    async extend(request, tx = { $client: pool }) {
      assertIds(request.holdId, request.accountId);
      assertDuration(request.ttlMs);
      return runWithin(tx.$client, extendProgram({ now: now(), maxWaitMs: null }, request));
    },
    async close({ holdId, accountId }, tx) {
      assertIds(holdId, accountId);
      const close = { holdId, accountId, callIndex: null, meters: {}, facts: null, close: true };
      return submitSettlement(close, tx);
    },
    async correct(request, tx = { $client: pool }) {
      assertIds(request.holdId, request.accountId);
      assertAmounts(request.meters);
      return runWithin(tx.$client, correctProgram({ now: now(), maxWaitMs: null }, request));
    },
    async recordPast(accountId, records, tx = { $client: pool }) {
      for (const { id, userId, keyId, workspaceId } of records)
        assertIds(id, accountId, userId, keyId, workspaceId);
      const session = { now: now(), maxWaitMs: null };
      await runWithin(tx.$client, recordPastProgram(session, accountId, records));
    },
    expire: (limit, settle = () => []) =>
      runProgram(pool, expireProgram({ now: now(), maxWaitMs: ACCOUNT_LOCK_WAIT_MS }, limit, settle)),
    setLimits: (input) => setLimits({ $client: pool }, now(), input),
    async stop(input, tx = { $client: pool }) {
      const { rows } = await tx.$client.query<StopRow>('SELECT * FROM ledger_stop($1, $2, $3, $4, $5, $6)', [
        now(),
        input.id,
        input.kind,
        input.target,
        input.reason,
        input.author,
      ]);
      return toStop(rows[0] as StopRow);
    },
    async liftStop(input, tx = { $client: pool }) {
      const { rows } = await tx.$client.query<StopRow>('SELECT * FROM ledger_lift_stop($1, $2, $3)', [
        now(),
        input.id,
        input.author,
      ]);
      const row = rows[0];
      return row?.id ? toStop(row) : undefined;
    },
    async stops() {
      const { rows } = await pool.query<StopRow>(
        'SELECT * FROM ledger_stops WHERE lifted_at IS NULL ORDER BY created_at, id',
      );
      return rows.map(toStop);
    },
    async idle() {
      await Promise.all([...holds, ...settles].map((queue) => queue.idle()));
      await Promise.all([isolatedHolds.idle(), isolatedSettles.idle()]);
    },
  };
}

/** Most ids are new. A batch in which one was decided before fails, and is decided again with a look at what is known. */
async function holdBatch(pool: Pool, session: Session, requests: HoldRequest[]): Promise<HoldAnswer[]> {
  try {
    return await runProgram(pool, holdProgram(session, requests, false));
  } catch (error) {
    if (!violatesUnique(error, DECISION_KEY)) throw error;
    return runProgram(pool, holdProgram(session, requests, true));
  }
}

/** Which of these accounts another transaction has locked now. */
async function findLocked(pool: Pool, accountIds: readonly string[]): Promise<Set<string>> {
  const { rows } = await pool.query<{ id: string }>('SELECT ledger_find_locked($1, $2) AS id', [
    accountIds.map(shardOf),
    accountIds,
  ]);
  return new Set(rows.map(({ id }) => id));
}

/** Data exceptions and broken constraints (https://www.postgresql.org/docs/18/errcodes-appendix.html). */
export function isDataFault(error: unknown): boolean {
  return error instanceof pg.DatabaseError && /^2[23]/.test(error.code ?? '');
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Ids travel side by side with those of other callers: what is no id must not get between them. */
function assertIds(...ids: (string | null)[]): void {
  for (const id of ids) if (id !== null && !UUID.test(id)) throw new RangeError('Not a UUID in lower case');
}

function assertHold({ id, accountId, userId, keyId, workspaceId, meters, ttlMs }: HoldRequest): void {
  assertIds(id, accountId, userId, keyId, workspaceId);
  assertAmounts(meters);
  assertDuration(ttlMs);
}

function assertDuration(ttlMs: number): void {
  if (!Number.isSafeInteger(ttlMs)) throw new RangeError(`Not a duration: ${ttlMs}`);
}

/** Far beyond what one call can come to, and far below what a counter can hold. */
const MAX_AMOUNT = 2n ** 53n;

/** Less than nothing would make room that is not there. */
function assertAmounts(meters: Meters): void {
  for (const meter in meters) {
    const amount = meters[meter];
    if (typeof amount !== 'bigint' || amount < 0n || amount > MAX_AMOUNT)
      throw new RangeError(`Not an amount of ${meter}: ${amount}`);
  }
}

/** {@link Ledger.setLimits} in the caller's transaction. */
export async function setLimits(
  db: LedgerConnection,
  now: Date | null,
  { accountId, anchor, periodMonths, segments }: SetLimitsInput,
): Promise<void> {
  const rows = segments.map((segment) => ({
    scope: segment.scope,
    scope_id: segment.scopeId,
    meter: segment.meter,
    window: segment.window,
    valid_from: segment.validFrom,
    valid_until: segment.validUntil,
    kind: segment.amount.kind,
    amount: segment.amount.kind === 'n' ? segment.amount.n.toString() : null,
    threshold_bps: segment.thresholdBps,
    block_bps: segment.blocks ? segment.thresholdBps[2] : null,
    on_limit: segment.onLimit,
    source: segment.source,
  }));
  await db.$client.query('SELECT ledger_set_limits($1, $2, $3, $4, $5, $6)', [
    now,
    shardOf(accountId),
    accountId,
    anchor,
    periodMonths,
    JSON.stringify(rows),
  ]);
}

type StopRow = {
  id: string;
  kind: StopKind;
  target: string;
  reason: string;
  author: string;
  created_at: Date;
  lifted_at: Date | null;
  lifted_by: string | null;
};

function toStop(row: StopRow): Stop {
  return {
    id: row.id,
    kind: row.kind,
    target: row.target,
    reason: row.reason,
    author: row.author,
    createdAt: row.created_at,
    liftedAt: row.lifted_at,
    liftedBy: row.lifted_by,
  };
}
