/** Jobs begin here: a new one, or one that continues after a failure. */
import type { ContentInputs } from '#libs/contracts/content-inputs.ts';
import type { GenerateRequest } from '#libs/contracts/generate.ts';
import type { GenerationRequestHead, PlannedCall } from '#libs/contracts/generation-requests.ts';
import { type Tx, transaction } from '#libs/db/database.ts';
import { stepOfCall } from '#libs/pipelines/content/plan.ts';
import { problem } from '#libs/problems/problems.ts';
import { emitJobEvent, type JobOptions } from './commit.ts';
import { type CacheOptions, copyResult, findSource, type Source } from './copies.ts';
import { dispatchSteps } from './dispatch.ts';
import { cacheKeyOf } from './domain/cache-key.ts';
import {
  advanced,
  contextOf,
  type GenerationRow,
  type JobContext,
  jobOf,
  type StepRow,
  type StepStatus,
  statusesOf,
  wantsJson,
} from './domain/job.ts';
import {
  findSteps,
  insertEvents,
  insertGeneration,
  lockGeneration,
  updateGeneration,
  updateStep,
} from './store.ts';

/** A held request for a job. */
export type JobHead = Pick<
  GenerationRequestHead,
  'requestId' | 'caller' | 'plan' | 'holdExpiresAtMs' | 'terms' | 'storeResponse' | 'accept' | 'planContext'
>;

/** A job whose plan does not say how many steps may run at the same time. */
const DEFAULT_PARALLEL = 4;
const MAX_PARALLEL = 64;

/** Creates a job, whose first steps start at once. @param inputs the texts that its request names. */
export async function createJob(
  options: CacheOptions,
  head: JobHead,
  request: GenerateRequest,
  inputs: ContentInputs,
): Promise<GenerationRow> {
  const { database, runtime } = options;
  const { requestId: id, caller, plan, holdExpiresAtMs, terms } = head;
  const { accountId, userId, keyId, workspaceId } = caller;
  const now = runtime.clock.now();
  const row: GenerationRow = {
    ...{ id, accountId, userId, keyId, workspaceId },
    parentId: null,
    status: 'queued',
    request,
    context: { ...responseContext(head), inputs, ...(terms?.cache && { cache: terms.cache }) },
    contentTypes: request.content_types,
    model: plan.calls.find(({ outputTokens }) => outputTokens > 0)?.model ?? '',
    scale: plan.scale ?? 1_000,
    percent: 0,
    cacheKey: null,
    copyOf: null,
    holdId: id,
    holdExpiresAt: new Date(holdExpiresAtMs),
    maxParallel: Math.min(MAX_PARALLEL, terms?.maxParallel ?? DEFAULT_PARALLEL),
    priority: terms?.priority ?? 0,
    error: null,
    costNanoUsd: 0n,
    tokens: 0,
    createdAt: now,
    startedAt: null,
    finishedAt: null,
  };
  const job = jobOf(row);
  const { steps } = job;
  if (terms?.cache) row.cacheKey = cacheKeyOf(terms.cache.owner, job, plan.calls);
  const statuses = advanced(steps, new Map(steps.map(({ key }) => [key, 'waiting'])));
  const calls = callsByStep(plan.calls);
  const stepRows = steps.map(({ key }, position) => ({
    generationId: id,
    key,
    accountId,
    position,
    status: statuses.get(key) as StepStatus,
    calls: callsOf(calls, key),
    holdId: id,
    callsStarted: 0,
    callsSettled: 0,
    costNanoUsd: 0n,
    tokens: 0,
  }));
  return transaction(database, async (tx) => {
    const source = await sourceOf(tx, row, options);
    if (source === undefined) {
      await insertGeneration(tx, row, stepRows);
      await begin(tx, row, 'generation.created', runtime);
      return row;
    }
    const copy = { ...row, copyOf: source.row.id };
    // Its steps wait for the result, and start only if there is none.
    await insertGeneration(
      tx,
      copy,
      stepRows.map((one) => ({ ...one, status: 'waiting' as const })),
    );
    await begin(tx, copy, 'generation.created', runtime);
    return source.documents === null ? copy : copyResult(options, tx, copy, source, 'hit');
  });
}

/** The equal job whose result a new one takes; undefined if it is written. */
async function sourceOf(
  tx: Tx,
  row: GenerationRow,
  { recordCache }: CacheOptions,
): Promise<Source | undefined> {
  const { id, cacheKey, createdAt } = row;
  const { cache } = contextOf(row);
  if (cacheKey === null || cache === undefined) return undefined;
  const oldest = new Date(createdAt.getTime() - cache.ttlMs);
  const source = cache.refresh ? undefined : await findSource(tx, cacheKey, id, oldest);
  if (source === undefined) recordCache(cache.refresh ? 'bypass' : 'miss', 0n);
  return source;
}

/**
 * Continues a job after a failure or a cancellation. Steps that succeeded are kept; the others run under a new hold.
 *
 * @throws ProblemError `not_found`; `conflict` for a job that runs or is complete.
 */
export async function resumeJob(
  { database, runtime }: JobOptions,
  { requestId: holdId, caller, plan, holdExpiresAtMs, terms }: JobHead,
  id: string,
): Promise<GenerationRow> {
  return transaction(database, async (tx) => {
    const row = await lockGeneration(tx, id);
    if (row === undefined || row.accountId !== caller.accountId) throw problem('not_found');
    if (row.holdId === holdId) return row;
    const isResumable = row.holdId === null && (row.status === 'failed' || row.status === 'cancelled');
    if (!isResumable) throw problem('conflict', { detail: `The job is ${row.status}.` });
    const rows = await findSteps(tx, id);
    const calls = callsByStep(plan.calls);
    const changes = {
      status: 'queued' as const,
      holdId,
      holdExpiresAt: new Date(holdExpiresAtMs),
      error: null,
      finishedAt: null,
      ...(terms && { maxParallel: Math.min(MAX_PARALLEL, terms.maxParallel), priority: terms.priority }),
    };
    await updateGeneration(tx, id, changes);
    const resumed = { ...row, ...changes };
    const isOpen = ({ status }: StepRow) => status !== 'succeeded';
    const { steps } = jobOf(resumed);
    const waiting = rows.map((one) => ({ ...one, status: isOpen(one) ? ('waiting' as const) : one.status }));
    const statuses = advanced(steps, statusesOf(waiting));
    for (const one of rows.filter(isOpen)) {
      await updateStep(tx, one, {
        status: statuses.get(one.key) as StepStatus,
        calls: callsOf(calls, one.key),
        holdId,
        callsStarted: 0,
        callsSettled: 0,
        repair: null,
        error: null,
        startedAt: null,
        finishedAt: null,
      });
    }
    await begin(tx, resumed, 'generation.created', runtime);
    return resumed;
  });
}

async function begin(
  tx: Tx,
  row: GenerationRow,
  type: 'generation.created',
  runtime: JobOptions['runtime'],
): Promise<void> {
  const now = runtime.clock.now();
  await insertEvents(tx, row, [{ type: 'status', data: { status: row.status, percent: row.percent } }], now);
  await emitJobEvent(tx, row, type, runtime);
  await dispatchSteps(tx, row.accountId, now);
}

function responseContext({
  plan,
  storeResponse,
  accept,
  planContext,
}: JobHead): Pick<JobContext, 'response'> {
  if (!storeResponse) return {};
  const kind = plan.kind === 'job' ? 'job' : wantsJson(accept) ? 'json' : 'events';
  return { response: { kind, ...(planContext && { planContext }) } };
}

function callsByStep(calls: readonly PlannedCall[]): Map<string, PlannedCall[]> {
  return Map.groupBy(calls, stepOfCall);
}

/** @throws ProblemError `conflict` if the plan is not that of the job: its pipeline has changed since. */
function callsOf(calls: ReadonlyMap<string, PlannedCall[]>, key: string): Record<string, unknown>[] {
  const own = calls.get(key);
  if (own === undefined) {
    throw problem('conflict', {
      detail: 'The job was planned by another version of the service. Start it again as a new job.',
    });
  }
  return own as unknown as Record<string, unknown>[];
}
