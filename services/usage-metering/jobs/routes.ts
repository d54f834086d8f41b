import type { FastifyInstance } from 'fastify';
import { recordAudit } from '#libs/audit/record-audit.ts';
import { actorOf } from '#libs/audit/request-actor.ts';
import { type JobWire, listJobs, retryJob } from '#libs/contracts/jobs.ts';
import { toPage } from '#libs/contracts/page.ts';
import { type Database, transaction } from '#libs/db/database.ts';
import { type JobRecord, listJobs as readJobs, retryJob as requeueJob } from '#libs/jobs/admin.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';

export type JobRouteOptions = { database: Database; runtime: Pick<Runtime, 'clock' | 'newId'> };

export function jobRoutes(app: FastifyInstance, { database, runtime }: JobRouteOptions): void {
  serveOperation(app, listJobs, async (request) => {
    const { limit, cursor = null, task = null, state } = request.query;
    const rows = await readJobs(database, { state, task }, { limit: limit + 1, before: cursor });
    return toPage(rows, limit, presentJob);
  });

  serveOperation(app, retryJob, async (request) => {
    const { id } = request.params;
    return transaction(database, async (tx) => {
      const retried = await requeueJob(tx, id);
      if (retried === undefined) throw problem('not_found');
      const { before, after } = retried;
      if (before.state !== 'failed')
        throw problem('conflict', {
          detail: `The job is ${before.state}. Only a failed job can be retried.`,
        });
      await recordAudit(tx, {
        id: runtime.newId(),
        at: runtime.clock.now(),
        by: actorOf(request),
        action: 'job.retried',
        subject: `job:${id}`,
        accountId: before.accountId,
        before: { task: before.task, attempts: before.attempts, last_error: before.lastError },
        after: { task: after.task, attempts: after.attempts },
        reason: null,
      });
      return presentJob(after);
    });
  });
}

function presentJob(job: JobRecord): JobWire {
  return {
    id: job.id,
    task: job.task,
    state: job.state,
    attempts: job.attempts,
    max_attempts: job.maxAttempts,
    last_error: job.lastError,
    account_id: job.accountId,
    created_at: job.createdAt.toISOString(),
    run_at: job.runAt.toISOString(),
  };
}
