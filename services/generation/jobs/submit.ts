/** Jobs begin here: a new one, or one that continues after a failure. */
import type { ContentInputs } from '#libs/contracts/content-inputs.ts';
import type { GenerateRequest } from '#libs/contracts/generate.ts';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { type Tx, transaction } from '#libs/db/database.ts';
import { stepOfCall } from '#libs/pipelines/content/plan.ts';
import { problem } from '#libs/problems/problems.ts';
import type { ReceivedHead } from '../requests/domain/generation-request.ts';
import { emitCreated, type JobOptions } from './commit.ts';
import { type CacheOptions, copyResult, findSource, type Source } from './copies.ts';
import { dispatchSteps } from './dispatch.ts';
import { cacheKeyOf } from './domain/cache-key.ts';
import {
  advanced,
  contextOf,
  type GenerationRow,
  type JobContext,
  jobOf,
  type StepStatus,
  wantsJson,
} from './domain/job.ts';
import { passageWarnings } from './domain/moderated-texts.ts';
import { extendHold } from './job-hold.ts';
import { linkOrigin } from './origin.ts';
import { insertGeneration } from './store.ts';

/** A held request for a job. */
export type JobHead = Pick<
  ReceivedHead,
  | 'requestId'
  | 'caller'
  | 'plan'
  | 'holdExpiresAtMs'
  | 'terms'
  | 'storeResponse'
  | 'accept'
  | 'planContext'
  | 'traceparent'
>;

/** A job whose plan does not say how many steps may run at the same time. */
const DEFAULT_PARALLEL = 4;
export const MAX_PARALLEL = 64;

/** Creates a job, whose first steps start at once. @param inputs the texts that its request names. */
export async function createJob(
  options: CacheOptions,
  head: JobHead,
  request: GenerateRequest,
  inputs: ContentInputs,
): Promise<GenerationRow> {
  const { database, runtime } = options;
  const { requestId: id, caller, plan, terms, traceparent } = head;
  const { accountId, userId, keyId, workspaceId } = caller;
  const now = runtime.clock.now();
  const created: GenerationRow = {
    ...{ id, accountId, userId, keyId, workspaceId },
    parentId: null,
    status: 'queued',
    request,
    context: {
      ...responseContext(head),
      ...{ inputs, traceparent },
      ...(terms?.cache && { cache: terms.cache }),
    },
    contentTypes: request.content_types,
    model: plan.calls.find(({ outputTokens }) => outputTokens > 0)?.model ?? '',
    scale: plan.scale ?? 1_000,
    percent: 0,
    cacheKey: null,
    copyOf: null,
    holdId: id,
    holdExpiresAt: null,
    maxParallel: Math.min(MAX_PARALLEL, terms?.maxParallel ?? DEFAULT_PARALLEL),
    priority: terms?.priority ?? 0,
    error: null,
    costNanoUsd: 0n,
    tokens: 0,
    createdAt: now,
    updatedAt: now,
    startedAt: null,
    finishedAt: null,
  };
  const job = jobOf(created);
  const { steps } = job;
  // One that waits for its owner is nothing to wait for.
  const isShared = request.outline_approval !== true && inputs.rewrite === undefined;
  if (terms?.cache && isShared) created.cacheKey = cacheKeyOf(terms.cache.owner, job, plan.calls);
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
    ...(position === 0 && { warnings: passageWarnings(inputs) }),
  }));
  return transaction(database, async (tx) => {
    const source = await sourceOf(tx, created, options);
    const row = { ...created, holdExpiresAt: await extendHold(options, tx, head) };
    if (source === undefined) {
      await insertGeneration(tx, row, stepRows);
      await linkOrigin(tx, row);
      await begin(tx, row, runtime);
      return row;
    }
    const copy = { ...row, copyOf: source.row.id };
    // Its steps wait for the result, and start only if there is none.
    await insertGeneration(
      tx,
      copy,
      stepRows.map((one) => ({ ...one, status: 'waiting' as const })),
    );
    if (source.documents !== null) return copyResult(options, tx, copy, source, 'hit');
    await emitCreated(tx, copy, runtime);
    return copy;
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

export async function begin(tx: Tx, row: GenerationRow, runtime: JobOptions['runtime']): Promise<void> {
  await emitCreated(tx, row, runtime);
  await dispatchSteps(tx, row.accountId, runtime.clock.now());
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

export function callsByStep(calls: readonly PlannedCall[]): Map<string, PlannedCall[]> {
  return Map.groupBy(calls, stepOfCall);
}

/** @throws ProblemError `conflict` if the plan is not that of the job: its pipeline has changed since. */
export function callsOf(calls: ReadonlyMap<string, PlannedCall[]>, key: string): Record<string, unknown>[] {
  const own = calls.get(key);
  if (own === undefined) {
    throw problem('conflict', {
      detail: 'The job was planned by another version of the service. Start it again as a new job.',
    });
  }
  return own as unknown as Record<string, unknown>[];
}
