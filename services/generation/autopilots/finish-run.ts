/** Ends runs: their posts are created when their job has ended, or they were refused before. */
import { ownerOf, type QuotaResources } from '#libs/clients/quota-resources.ts';
import type { RunRefusal } from '#libs/contracts/autopilot-runs.ts';
import { type Database, type Tx, transaction } from '#libs/db/database.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { DRAFTS, POSTS } from '../social/domain.ts';
import { enqueuePublishing } from '../social/plugin.ts';
import { type AutopilotRun, paused } from './domain/autopilot.ts';
import { type EndedJob, endOf, mayEnd, type RunEnd } from './domain/run.ts';
import { endRun } from './end-run.ts';
import { findJobOf, insertPosts, lockRun } from './runs-store.ts';
import { findAccountConnections, lockAutopilot } from './store.ts';

export type FinishOptions = {
  database: Database;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  quotaResources: Pick<QuotaResources, 'release'>;
};

/**
 * Creates the posts of a run whose job has ended, once, in the transaction that ends the run. A run that failed and whose
 * job was completed by a retry is completed too.
 */
export async function finishRun(options: FinishOptions, runId: string): Promise<void> {
  const { database, runtime } = options;
  await transaction(database, async (tx) => {
    const run = await lockRun(tx, runId);
    if (run === undefined) return;
    const job = await findJobOf(tx, run);
    if (job === 'running' || !mayEnd(run, job)) return;
    const autopilot = await lockAutopilot(tx, run.accountId, run.autopilotId);
    if (autopilot === undefined) return;
    const now = runtime.clock.now();
    const connections = await findAccountConnections(tx, run.accountId);
    const end = endOf(run, autopilot, job, connections, { now, newId: runtime.newId });
    await writePosts(options, tx, end, autopilot.autoPost ? POSTS : DRAFTS, job);
    const { status, problem, posts } = end;
    await endRun(tx, autopilot, { ...run, status, problem, posts, finishedAt: now }, runtime);
  });
}

async function writePosts(
  { quotaResources }: FinishOptions,
  tx: Tx,
  { created, released }: RunEnd,
  meter: string,
  job: EndedJob | undefined,
): Promise<void> {
  if (created.length > 0) await insertPosts(tx, created);
  for (const post of created) {
    if (post.dueAt !== null) await enqueuePublishing(tx, post, post.dueAt);
  }
  if (released === 0 || job === undefined) return;
  const under = meter === POSTS ? { under: job.holdId } : {};
  await quotaResources.release(tx, { owner: ownerOf(job.owner), meter, count: released, ...under });
}

/** Ends a run that has no job: it was refused, or could not be started. */
export async function endUnstartedRun(
  { database, runtime }: Pick<FinishOptions, 'database' | 'runtime'>,
  { id }: Pick<AutopilotRun, 'id'>,
  status: 'refused' | 'failed',
  { problem, creator_removed: isCreatorRemoved }: RunRefusal,
): Promise<void> {
  await transaction(database, async (tx) => {
    const run = await lockRun(tx, id);
    if (run?.status !== 'starting') return;
    const autopilot = await lockAutopilot(tx, run.accountId, run.autopilotId);
    if (autopilot === undefined) return;
    const ended = { ...run, status, problem, finishedAt: runtime.clock.now() };
    const changes = isCreatorRemoved && autopilot.status === 'active' ? paused('creator_removed') : {};
    await endRun(tx, autopilot, ended, runtime, changes);
  });
}
