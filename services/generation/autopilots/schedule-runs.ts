/** Starts the runs of autopilots whose time has come. */
import type { Catalogue } from '#libs/catalogue/schema.ts';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { START_AUTOPILOT_RUN } from '#libs/contracts/autopilot-runs.ts';
import { type Database, transaction } from '#libs/db/database.ts';
import { enqueue } from '#libs/jobs/enqueue.ts';
import type { JobContext } from '#libs/jobs/task.ts';
import { ProblemError, toProblemJson } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { type Autopilot, activated, checkPlan, FINISHED, paused } from './domain/autopilot.ts';
import { newRun, type RunFacts, subjectOf } from './domain/run.ts';
import { rememberedRuns } from './domain/topics.ts';
import { emitPaused, endRun } from './end-run.ts';
import { findLatestTopics, findNextEntry, findPostsWithResults, insertRun } from './runs-store.ts';
import {
  findAccountConnections,
  findDueAutopilots,
  findPlanEntries,
  lockAutopilot,
  updateAutopilot,
} from './store.ts';

export type ScheduleOptions = {
  database: Database;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  entitlements: Pick<AccountEntitlements, 'get' | 'catalogueOf'>;
};

const BATCH = 500;
/** The attempts of the gateway take half an hour in all. */
const MAX_ATTEMPTS = 8;

/** One that cannot be scheduled now, such as while billing is away, is tried again a minute later. */
export async function scheduleDueRuns(
  options: ScheduleOptions,
  { signal, logger }: JobContext,
): Promise<void> {
  const now = options.runtime.clock.now();
  for (const autopilot of await findDueAutopilots(options.database, now, BATCH)) {
    if (signal.aborted) return;
    await scheduleRun(options, autopilot, now).catch((error: unknown) => {
      logger.error({ err: error, autopilot: autopilot.id }, 'autopilot run not scheduled');
    });
  }
}

/**
 * Decides one run and moves the autopilot to its next time in the same transaction, so that a run exists once, whichever
 * process dies. Times that passed during a downtime are one run.
 */
async function scheduleRun(options: ScheduleOptions, autopilot: Autopilot, now: Date): Promise<void> {
  const { database, runtime } = options;
  const refusal = await refusalOf(options, autopilot);
  const facts = await readFacts(database, autopilot);
  const isPlanGone = autopilot.topics === null && facts.entries === null;
  const subject = isPlanGone ? undefined : subjectOf(autopilot, facts);
  await transaction(database, async (tx) => {
    const current = await lockAutopilot(tx, autopilot.accountId, autopilot.id);
    const isUnchanged = current?.nextRunAt?.getTime() === autopilot.nextRunAt?.getTime();
    if (current?.status !== 'active' || !isUnchanged) return;
    if (subject === undefined) {
      const changes = isPlanGone ? paused('content_plan_deleted') : FINISHED;
      await updateAutopilot(tx, current.id, changes);
      if (isPlanGone) await emitPaused(tx, { ...current, ...changes }, null, runtime);
      return;
    }
    const run = newRun(current, subject, facts.connections, { id: runtime.newId(), now });
    await insertRun(tx, run);
    const { nextRunAt } = activated(current, now);
    if (refusal !== null) {
      const problem = toProblemJson(refusal, run.id);
      const refused = { ...run, status: 'refused', problem, finishedAt: now } as const;
      return endRun(tx, { ...current, nextRunAt }, refused, runtime);
    }
    await updateAutopilot(tx, current.id, { nextRunAt });
    const { accountId, userId, keyId, workspaceId } = current;
    const payload = { runId: run.id, accountId, userId, keyId, workspaceId };
    await enqueue(tx, START_AUTOPILOT_RUN, payload, { jobKey: run.id, maxAttempts: MAX_ATTEMPTS });
  });
}

/** Why the plan does not include the autopilot any more; null if it does. */
async function refusalOf(
  { entitlements }: ScheduleOptions,
  autopilot: Autopilot,
): Promise<ProblemError | null> {
  const plan = await entitlements.get(autopilot.accountId);
  const catalogue: Catalogue | undefined = await entitlements.catalogueOf(plan);
  try {
    checkPlan(autopilot, plan, catalogue);
    return null;
  } catch (error) {
    if (error instanceof ProblemError) return error;
    throw error;
  }
}

async function readFacts(database: Database, autopilot: Autopilot): Promise<RunFacts> {
  const { id, accountId, topics, contentPlanId, learn } = autopilot;
  return {
    history: {
      latestTopics: topics === null ? [] : await findLatestTopics(database, id, rememberedRuns(topics)),
      posts: learn ? await findPostsWithResults(database, id) : [],
    },
    connections: await findAccountConnections(database, accountId),
    entries: contentPlanId === null ? null : await findPlanEntries(database, accountId, contentPlanId),
    nextEntry: contentPlanId === null ? 0 : await findNextEntry(database, id, contentPlanId),
  };
}
