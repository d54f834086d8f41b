/** The content cache: a job takes the result of an equal one, and equal jobs at the same time are written once. */
import { CONTENT_KIT } from '#libs/contracts/generate.ts';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { type Tx, transaction } from '#libs/db/database.ts';
import type { SettleRequest } from '#libs/ledger/types.ts';
import { partsOf } from '#libs/pipelines/content/parts.ts';
import { REQUESTS_METER } from '#libs/pipelines/meters.ts';
import { closingEvents, emitCreated, emitJobEvent, type JobOptions } from './commit.ts';
import {
  findFirstVersions,
  findSources,
  findWaitingCopies,
  lockCacheKey,
  type SharedDocument,
} from './copies-store.ts';
import { dispatchSteps } from './dispatch.ts';
import { textEvents } from './domain/decide-end.ts';
import {
  advanced,
  contextOf,
  type GenerationRow,
  isFinal,
  jobOf,
  type StepStatus,
  statusesOf,
} from './domain/job.ts';
import {
  findSteps,
  type GenerationEvent,
  insertDocument,
  insertEvents,
  lockGeneration,
  updateGeneration,
  updateStep,
} from './store.ts';

/** `shared`: it waited for an equal request that ran. */
export type CacheOutcome = 'hit' | 'shared' | 'miss' | 'bypass';

export type CacheOptions = JobOptions & {
  /** @param savedNanoUsd what the result cost when it was written, less what the copy costs. */
  recordCache: (outcome: CacheOutcome, savedNanoUsd: bigint) => void;
};

/** A usable result, or a job that may produce one. */
export type Source = { row: GenerationRow; documents: SharedDocument[] | null };

/**
 * The job whose result an equal one takes; undefined if it must be written. Both the key and the job stay locked until the
 * transaction ends, so that the job cannot end unnoticed.
 */
export async function findSource(
  tx: Tx,
  key: string,
  exceptId: string,
  completedAfter: Date,
): Promise<Source | undefined> {
  await lockCacheKey(tx, key);
  for (const id of await findSources(tx, key, exceptId, completedAfter)) {
    const row = await lockGeneration(tx, id);
    if (row === undefined) continue;
    if (!isFinal(row.status)) return { row, documents: null };
    if (row.status !== 'completed') continue;
    const documents = await findFirstVersions(tx, row);
    // Its owner may have deleted some of them.
    const isWhole = partsOf(jobOf(row).brief.request).every((part) =>
      documents.some(({ document }) => document.type === part),
    );
    if (isWhole) return { row, documents };
  }
  return undefined;
}

/** Completes the jobs that waited for a result; if there is none, the oldest writes it and the others wait for that. */
export async function completeCopies(options: CacheOptions, sourceId: string): Promise<void> {
  for (const id of await findWaitingCopies(options.database, sourceId)) {
    await transaction(options.database, (tx) => completeCopy(options, tx, id, sourceId));
  }
}

async function completeCopy(options: CacheOptions, tx: Tx, id: string, sourceId: string): Promise<void> {
  const now = options.runtime.clock.now();
  const before = await lockGeneration(tx, id);
  const terms = before && contextOf(before).cache;
  if (!before?.cacheKey || !terms || before.copyOf !== sourceId || isFinal(before.status)) return;
  // A result that was worth waiting for is not too old.
  const source = await findSource(tx, before.cacheKey, id, new Date(0));
  if (source?.documents) {
    await copyResult(options, tx, before, source, 'shared');
    return;
  }
  const waiting = await updateGeneration(tx, before, { copyOf: source?.row.id ?? null }, now);
  if (source === undefined) await startSteps(tx, waiting, now);
}

async function startSteps(tx: Tx, row: GenerationRow, now: Date): Promise<void> {
  const rows = await findSteps(tx, row.id);
  const statuses = advanced(jobOf(row).steps, statusesOf(rows));
  for (const one of rows) await updateStep(tx, one, { status: statuses.get(one.key) as StepStatus });
  await dispatchSteps(tx, row.accountId, now);
}

/** Completes a job with the result of another one: its steps, documents and events, and one usage row for what it costs. */
export async function copyResult(
  options: CacheOptions,
  tx: Tx,
  row: GenerationRow,
  { row: source, documents }: Source,
  outcome: 'hit' | 'shared',
): Promise<GenerationRow> {
  const { runtime, recordCache } = options;
  const now = runtime.clock.now();
  const written = documents ?? [];
  const costNanoUsd = BigInt(contextOf(row).cache?.hitCostNanoUsd ?? '0');
  await copySteps(tx, row, source, now);
  // The ledger comes before outbox and dispatch, as in every settlement: another order would be a deadlock.
  await settleHit(options, tx, row, costNanoUsd);
  if (outcome === 'hit') await emitCreated(tx, row, runtime);
  const events: GenerationEvent[] = [];
  for (const { document, version } of written) {
    const id = runtime.newId();
    const { accountId, userId, keyId, workspaceId, id: generationId } = row;
    const owner = { accountId, userId, keyId, workspaceId, generationId };
    const { content, markdown } = version;
    const { type, title } = { ...document, title: version.title };
    await insertDocument(
      tx,
      { ...document, ...owner, id, title, version: 1, createdAt: now, updatedAt: now },
      { content, markdown },
    );
    // Everything in a content kit is the text of another part.
    if (type !== CONTENT_KIT) events.push(...textEvents(type as Parameters<typeof textEvents>[0], markdown));
    events.push({ type: 'document', data: { content_type: type, document_id: id, title } });
  }
  const changes = {
    status: 'completed' as const,
    copyOf: source.id,
    percent: 100,
    costNanoUsd,
    holdId: null,
    holdExpiresAt: null,
    startedAt: now,
    finishedAt: now,
  };
  const completed = await updateGeneration(tx, row, changes, now);
  await insertEvents(tx, completed, [...events, ...closingEvents(completed)], now);
  const parts = Object.fromEntries(partsOf(jobOf(row).brief.request).map((part) => [part, 'completed']));
  await emitJobEvent(tx, completed, 'generation.completed', runtime, { parts });
  recordCache(outcome, source.costNanoUsd - costNanoUsd);
  return completed;
}

async function copySteps(tx: Tx, row: GenerationRow, source: GenerationRow, now: Date): Promise<void> {
  const outputs = new Map((await findSteps(tx, source.id)).map((step) => [step.key, step]));
  for (const own of await findSteps(tx, row.id)) {
    const { output = null, warnings = [], model = null } = outputs.get(own.key) ?? {};
    await updateStep(tx, own, { status: 'succeeded', output, warnings, model, finishedAt: now });
  }
}

/** The provider of usage rows of the cache. */
const CACHE = 'cache';

async function settleHit(
  { ledger }: JobOptions,
  tx: Tx,
  row: GenerationRow,
  costNanoUsd: bigint,
): Promise<void> {
  const { id, accountId, holdId, model } = row;
  if (holdId === null) throw new Error('The job has no hold.');
  const calls = (await findSteps(tx, id)).flatMap((step) => step.calls as unknown as PlannedCall[]);
  const counts = contextOf(row).cache?.countHits ? countsOf(calls) : {};
  const request: SettleRequest = {
    ...{ holdId, accountId, callIndex: 0, close: true },
    meters: { cost: costNanoUsd, [REQUESTS_METER]: 1n, ...counts },
    facts: {
      ...{ step: CACHE, provider: CACHE, model, endpoint: 'content-cache', status: 'ok', errorCode: null },
      usageSource: 'counted',
      ...{ inputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 0, reasoningTokens: 0 },
      ...{ otherUnits: {}, inputCostNanoUsd: 0n, outputCostNanoUsd: costNanoUsd },
      priceVersion: calls[0]?.price.version ?? CACHE,
      ...{ latencyMs: 0, firstByteMs: null, attempts: 0, requestBytes: 0, responseBytes: 0 },
      providerRequestId: null,
    },
  };
  await ledger.settle(request, tx);
}

function countsOf(calls: readonly PlannedCall[]): Record<string, bigint> {
  const counts: Record<string, bigint> = {};
  for (const call of calls) {
    for (const [meter, count] of Object.entries(call.counts))
      counts[meter] = (counts[meter] ?? 0n) + BigInt(count);
  }
  return counts;
}
