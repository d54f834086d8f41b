/** What ends a step, in one transaction: settlement, result, the steps that may start now, documents and events. */
import { type Database, type Tx, transaction } from '#libs/db/database.ts';
import type { GenerationFailure } from '#libs/db/schema/generations.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import type { LimitState } from '#libs/ledger/types.ts';
import { formatUsd } from '#libs/money/money.ts';
import { emit } from '#libs/outbox/emit.ts';
import type { EventType } from '#libs/outbox/routes.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { resolveCopies } from './copies-store.ts';
import { dispatchSteps } from './dispatch.ts';
import { type CallEnd, decideEnd, type EndDecision, type FinishedPart } from './domain/decide-end.ts';
import {
  type GenerationRow,
  type Job,
  jobOf,
  partStatuses,
  type Statuses,
  type StepRow,
  withSpokenLanguage,
} from './domain/job.ts';
import { notifyOrigin } from './origin.ts';
import { writeRewrite } from './rewrite-store.ts';
import {
  findSteps,
  type GenerationEvent,
  insertDocument,
  insertEvents,
  lockGeneration,
  updateGeneration,
  updateStep,
} from './store.ts';

export type JobOptions = {
  database: Database;
  ledger: Pick<Ledger, 'settle' | 'close' | 'correct' | 'extend'>;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
};

export type StepReference = { readonly generationId: string; readonly key: string };

/** Cost and tokens of a call, and the state of the limit nearest to its end. */
export type CallFigures = {
  readonly costNanoUsd: bigint;
  readonly tokens: number;
  /** The model that answered. */
  readonly model?: string;
  readonly state?: LimitState;
};

/** The settlement of a call in the transaction that records its result. */
export type SettleCall = (tx: Tx, closesHold: boolean) => Promise<CallFigures>;

/**
 * Ends a call of a running step.
 *
 * @param settle settles the call; without it, nothing was sent and nothing is to be settled.
 * @param texts events with the rest of the text that the step delivers.
 * @returns whether it was applied: a step that does not run has been ended before.
 */
export async function commitCall(
  options: JobOptions,
  step: StepReference,
  end: CallEnd,
  settle: SettleCall | null,
  texts: readonly GenerationEvent[] = [],
): Promise<boolean> {
  const { database, ledger, runtime } = options;
  return transaction(database, async (tx) => {
    const found = await lockGeneration(tx, step.generationId);
    const rows = found === undefined ? [] : await findSteps(tx, found.id);
    const own = rows.find(({ key }) => key === step.key);
    if (found === undefined || own?.status !== 'running') return false;

    const row = withSpokenLanguage(found, own.key, end.kind === 'output' ? end.output : undefined);
    const job = jobOf(row);
    const decision = decideEnd(job, rows, own, end);
    // Nothing is held while a job waits for its owner.
    const closesHold = decision.isIdle || decision.isPaused;
    let figures: CallFigures = { costNanoUsd: 0n, tokens: 0 };
    if (settle !== null) figures = await settle(tx, closesHold);
    else if (closesHold && row.holdId !== null)
      await ledger.close({ holdId: row.holdId, accountId: row.accountId }, tx);

    const now = runtime.clock.now();
    await writeStep(tx, own, decision, settle !== null, figures, now);
    await writeStatuses(tx, row.id, rows, decision.statuses, step.key, now);
    const documents = await writeDocuments(tx, job, decision.finished, runtime.newId, now);
    const changed = await writeJob(tx, row, decision, figures, now);
    await resolveCopies(tx, changed);
    if (decision.end.kind === 'output' || decision.end.kind === 'failed') {
      const events = [...texts, ...decision.events, ...documents, ...closingEvents(changed, figures.state)];
      await insertEvents(tx, changed, events, now);
      await emitTransitions(tx, job, changed, own, decision, runtime);
      await dispatchSteps(tx, row.accountId, now);
    }
    return true;
  });
}

const REPEATED = 'The service stopped during a call of this step. The call was paid for and made again.';

async function writeStep(
  tx: Tx,
  own: StepRow,
  { end, statuses, spare }: EndDecision,
  isSettled: boolean,
  { costNanoUsd, tokens, model }: CallFigures,
  now: Date,
): Promise<void> {
  const figures = {
    ...(model !== undefined && { model }),
    callsSettled: own.callsSettled + (isSettled ? 1 : 0),
    costNanoUsd: own.costNanoUsd + costNanoUsd,
    tokens: own.tokens + tokens,
  };
  if (end.kind === 'repair') {
    await updateStep(tx, own, { ...figures, repair: end.repair, callsStarted: own.callsStarted + 1 });
    return;
  }
  if (end.kind === 'cut') {
    const warnings = [...own.warnings, REPEATED];
    const calls = spare === undefined ? own.calls : [...own.calls, spare.call];
    await updateStep(tx, own, { ...figures, calls, warnings, status: 'queued' });
    if (spare !== undefined) await updateStep(tx, spare.lender, { calls: spare.lender.calls.slice(0, -1) });
    return;
  }
  await updateStep(tx, own, {
    ...figures,
    status: statuses.get(own.key) ?? own.status,
    finishedAt: now,
    ...(end.kind === 'output' && { output: end.output, warnings: [...own.warnings, ...end.warnings] }),
    ...(end.kind === 'failed' && { error: end.failure }),
  });
}

async function writeStatuses(
  tx: Tx,
  generationId: string,
  rows: readonly StepRow[],
  statuses: Statuses,
  own: string,
  now: Date,
): Promise<void> {
  for (const { key, status } of rows) {
    const next = statuses.get(key);
    if (key === own || next === undefined || next === status) continue;
    await updateStep(
      tx,
      { generationId, key },
      { status: next, ...(next === 'skipped' && { finishedAt: now }) },
    );
  }
}

async function writeDocuments(
  tx: Tx,
  { row, brief }: Job,
  finished: readonly FinishedPart[],
  newId: () => string,
  now: Date,
): Promise<GenerationEvent[]> {
  const events: GenerationEvent[] = [];
  const { accountId, userId, keyId, workspaceId, id: generationId } = row;
  for (const { part, document } of finished) {
    const rewritten = await writeRewrite(tx, { row, brief }, document, now);
    if (rewritten !== undefined) {
      const { id: documentId, version, title } = rewritten;
      const data = { content_type: part, document_id: documentId, title, version };
      events.push({ type: 'document', data });
    }
    if (brief.inputs.rewrite !== undefined) continue;
    const id = newId();
    await insertDocument(
      tx,
      {
        id,
        accountId,
        userId,
        keyId,
        workspaceId,
        generationId,
        parentId: brief.inputs.source?.document_id ?? null,
        type: part,
        variant: 1,
        title: document.title,
        language: brief.language,
        version: 1,
        createdAt: now,
        updatedAt: now,
      },
      { content: document.content, markdown: document.markdown },
    );
    events.push({ type: 'document', data: { content_type: part, document_id: id, title: document.title } });
  }
  return events;
}

async function writeJob(
  tx: Tx,
  row: GenerationRow,
  { isIdle, isPaused, status, percent, error }: EndDecision,
  { costNanoUsd, tokens }: CallFigures,
  now: Date,
): Promise<GenerationRow> {
  const changes = {
    status,
    percent,
    error,
    costNanoUsd: row.costNanoUsd + costNanoUsd,
    tokens: row.tokens + tokens,
    context: row.context,
    ...((isIdle || isPaused) && { holdId: null, holdExpiresAt: null }),
    ...(isIdle && { finishedAt: now }),
  };
  return updateGeneration(tx, row, changes, now);
}

/** The last event of a job: after it, its stream ends. */
export function closingEvents(row: GenerationRow, state: LimitState = 'ok'): GenerationEvent[] {
  const { status, percent, error, costNanoUsd, tokens, finishedAt } = row;
  if (finishedAt === null) return [];
  const usage = { cost_usd: formatUsd(costNanoUsd), tokens };
  return [{ type: status, data: { status, percent, usage, budget_state: state, ...(error && { error }) } }];
}

async function emitTransitions(
  tx: Tx,
  job: Job,
  row: GenerationRow,
  step: StepRow,
  { end, statuses, isPaused }: EndDecision,
  runtime: JobOptions['runtime'],
): Promise<void> {
  const isLost = end.kind === 'failed';
  await emitJobEvent(tx, row, 'generation.step_finished', runtime, {
    step: step.key,
    step_status: isLost ? 'failed' : 'succeeded',
  });
  if (isPaused) await emitJobEvent(tx, row, 'generation.needs_approval', runtime);
  if (row.finishedAt === null || row.status === 'cancelled') return;
  const parts = Object.fromEntries(partStatuses(job, statuses));
  await emitJobEvent(tx, row, `generation.${row.status}` as EventType, runtime, { parts });
}

export async function emitJobEvent(
  tx: Tx,
  row: GenerationRow,
  type: EventType,
  { clock, newId }: JobOptions['runtime'],
  more: Record<string, unknown> = {},
): Promise<void> {
  const { id, accountId, status, error } = row;
  const failure: GenerationFailure | null = error;
  const payload = { generation_id: id, status, ...more, ...(failure && { error: failure }) };
  await emit(tx, { id: newId(), type, accountId, payload, createdAt: clock.now() }, newId);
  if (type === `generation.${status}`) await notifyOrigin(tx, row, { clock, newId });
}

/** The first event of a job. */
export async function emitCreated(tx: Tx, row: GenerationRow, runtime: JobOptions['runtime']): Promise<void> {
  const { status, percent } = row;
  await insertEvents(tx, row, [{ type: 'status', data: { status, percent } }], runtime.clock.now());
  await emitJobEvent(tx, row, 'generation.created', runtime);
}
