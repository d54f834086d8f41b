import { and, asc, desc, eq, gt, ne, or, sql } from 'drizzle-orm';
import { only, type Queryable, type Tx } from '#libs/db/database.ts';
import { rollouts, subscriptions } from '#libs/db/schema/billing.ts';
import { enqueue } from '#libs/jobs/enqueue.ts';
import { type Rollout, RUN_ROLLOUT } from './domain/rollout.ts';

export type NewRollout = Pick<Rollout, 'id' | 'kind' | 'subject' | 'migration' | 'author' | 'createdAt'>;

export async function findRollout(db: Queryable, id: string): Promise<Rollout | undefined> {
  const [row] = await db.select().from(rollouts).where(eq(rollouts.id, id));
  return row;
}

/** The rollout of this kind that was started last. */
export async function findLatestRollout(db: Queryable, kind: Rollout['kind']): Promise<Rollout | undefined> {
  const [row] = await db
    .select()
    .from(rollouts)
    .where(eq(rollouts.kind, kind))
    .orderBy(desc(rollouts.createdAt), desc(rollouts.id))
    .limit(1);
  return row;
}

/** Starts a rollout, which supersedes a running one of its kind. It is done at once where it affects no account. */
export async function startRollout(tx: Tx, rollout: NewRollout): Promise<Rollout> {
  const { kind, migration, createdAt } = rollout;
  await tx
    .update(rollouts)
    .set({ state: 'superseded', updatedAt: createdAt, finishedAt: createdAt })
    .where(and(eq(rollouts.kind, kind), eq(rollouts.state, 'running')));
  const affected = migration === 'grandfather' ? 0 : await tx.$count(subscriptions, affectedBy(rollout));
  const row = {
    ...rollout,
    state: affected === 0 ? ('done' as const) : ('running' as const),
    accountsTotal: affected,
    accountsDone: 0,
    accountsFailed: 0,
    updatedAt: createdAt,
    finishedAt: affected === 0 ? createdAt : null,
  };
  const started = only(await tx.insert(rollouts).values(row).returning());
  if (started.state === 'running') await enqueueRollout(tx, started);
  return started;
}

/** Rollouts of one kind run one after the other. The job key keeps a second job of one rollout from waiting. */
export async function enqueueRollout(db: Queryable, { id, kind }: Rollout): Promise<void> {
  await enqueue(db, RUN_ROLLOUT, { rolloutId: id }, { queue: `rollout-${kind}`, jobKey: `rollout-${id}` });
}

export function listRunningRollouts(db: Queryable): Promise<Rollout[]> {
  return db.select().from(rollouts).where(eq(rollouts.state, 'running')).orderBy(asc(rollouts.createdAt));
}

/** The next accounts that a rollout affects, in the order of their ids, after its last account. */
export async function listNextAccounts(db: Queryable, rollout: Rollout, limit: number): Promise<string[]> {
  const { lastAccountId: after } = rollout;
  const rows = await db
    .select({ accountId: subscriptions.accountId })
    .from(subscriptions)
    .where(and(affectedBy(rollout), after === null ? undefined : gt(subscriptions.accountId, after)))
    .orderBy(asc(subscriptions.accountId))
    .limit(limit);
  return rows.map(({ accountId }) => accountId);
}

/** For a catalogue: subscriptions that are, or are scheduled to be, on another version. For a guard rail: all. */
function affectedBy({ kind, subject }: Pick<Rollout, 'kind' | 'subject'>) {
  if (kind === 'guard_rail') return undefined;
  return or(
    ne(subscriptions.catalogueVersionId, subject),
    ne(sql`${subscriptions.scheduledChange}->>'catalogue_version_id'`, subject),
  );
}

/**
 * Records how far a rollout has come, and its end where `isLast`.
 *
 * @returns undefined where the rollout has been superseded.
 */
export async function advanceRollout(
  db: Queryable,
  id: string,
  now: Date,
  step: { done: number; failed: number; lastAccountId: string | null; isLast: boolean },
): Promise<Rollout | undefined> {
  const [row] = await db
    .update(rollouts)
    .set({
      accountsDone: sql`${rollouts.accountsDone} + ${step.done}`,
      accountsFailed: sql`${rollouts.accountsFailed} + ${step.failed}`,
      lastAccountId: step.lastAccountId,
      updatedAt: now,
      ...(step.isLast && { state: 'done' as const, finishedAt: now }),
    })
    .where(and(eq(rollouts.id, id), eq(rollouts.state, 'running')))
    .returning();
  return row;
}
