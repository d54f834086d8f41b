/** Runs a step of a job: its call, and a second one if that must be continued or repaired. */
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { transaction } from '#libs/db/database.ts';
import type { GenerationFailure } from '#libs/db/schema/generations.ts';
import { type Answer, checkAnswer, type Verdict } from '#libs/pipelines/content/check.ts';
import { contentPromptBound, type Repair, stepRequest } from '#libs/pipelines/content/prompt.ts';
import { type ContentStep, isWritten, type StepOutputs } from '#libs/pipelines/content/step.ts';
import { requiredLanguage } from '#libs/pipelines/content/written-language.ts';
import { SAFETY_STEP } from '#libs/pipelines/safety.ts';
import { ProblemError } from '#libs/problems/problems.ts';
import { configuredCall } from '../calls/domain/configured-call.ts';
import { countPrompt } from '../calls/domain/count-tokens.ts';
import { ProviderOutage } from '../calls/domain/failure.ts';
import { type CallRunner, runCall } from '../calls/domain/run-call.ts';
import type { SettlementOptions } from '../calls/domain/settlement.ts';
import { requireText } from '../content/domain.ts';
import type { ActiveRequest, ActiveRequests } from '../requests/domain/active-requests.ts';
import { commitCall, type StepReference } from './commit.ts';
import type { CacheOptions } from './copies.ts';
import { type CallEnd, stepEvent } from './domain/decide-end.ts';
import { contextOf, type Job, jobOf, outputsOf, type StepRow } from './domain/job.ts';
import {
  handOverStep,
  isUnsentAtShutdown,
  mayPutOff,
  putOffStep,
  repairOfCut,
  StepHandedOver,
} from './hand-over.ts';
import type { JobHub } from './hub.ts';
import { settleInterrupted } from './interrupted.ts';
import { committingSettlement, endOf } from './step-settlement.ts';
import {
  findStatus,
  findSteps,
  insertEvents,
  lockGeneration,
  updateGeneration,
  updateStep,
} from './store.ts';
import { createTextEvents, SILENT } from './text-events.ts';
import { configuredToolCall, deleteReplaced, substituteFor, type ToolOptions, toolAttempt } from './tools.ts';

export type RunOptions = CacheOptions &
  ToolOptions &
  Omit<SettlementOptions, 'ledger'> & {
    runner: CallRunner;
    activeRequests: ActiveRequests;
    hub: JobHub;
    deadlineMarginMs: number;
  };

/** A step that this process runs now. */
export type Run = {
  job: Job;
  row: StepRow;
  step: ContentStep;
  outputs: StepOutputs;
  calls: PlannedCall[];
  /** How often it was put off because its provider could not be reached. */
  timesPutOff: number;
};

type Claim =
  | { kind: 'run'; run: Omit<Run, 'timesPutOff'> }
  | { kind: 'interrupted'; row: StepRow; accountId: string };

/** Runs a step that is queued. One that runs already was interrupted: its process is gone. */
export async function runStep(
  options: RunOptions,
  reference: StepReference,
  shutdown: AbortSignal,
  timesPutOff = 0,
): Promise<void> {
  const cancellation = new AbortController();
  // Before the claim, so that no cancellation is missed after it.
  const unsubscribe = options.hub.subscribe(reference.generationId, (status) => {
    if (status === 'cancelled') cancellation.abort();
    else if (status === undefined) void abortIfCancelled(options, reference.generationId, cancellation);
  });
  try {
    const claim = await claimStep(options, reference);
    if (claim === undefined) return;
    if (claim.kind === 'interrupted') await settleInterrupted(options, claim.row, claim.accountId);
    else {
      // A step that was handed over or put off after its job was cancelled.
      if (claim.run.job.row.status === 'cancelled') cancellation.abort();
      await runClaimed(options, reference, { ...claim.run, timesPutOff }, cancellation.signal, shutdown);
    }
  } finally {
    unsubscribe();
  }
}

async function abortIfCancelled(
  { database }: RunOptions,
  id: string,
  cancellation: AbortController,
): Promise<void> {
  const status = await findStatus(database, id).catch(() => undefined);
  if (status === 'cancelled') cancellation.abort();
}

function claimStep({ database, runtime }: RunOptions, { generationId, key }: StepReference) {
  return transaction(database, async (tx): Promise<Claim | undefined> => {
    const row = await lockGeneration(tx, generationId);
    if (row === undefined) return undefined;
    const rows = await findSteps(tx, generationId);
    const own = rows.find((one) => one.key === key);
    const next = own?.calls[own.callsSettled];
    // A moderation costs nothing, so that it can be repeated.
    const isHarmless = next?.step === SAFETY_STEP;
    if (own?.status === 'running' && !isHarmless)
      return { kind: 'interrupted', row: own, accountId: row.accountId };
    if (own?.status !== 'queued' && own?.status !== 'running') return undefined;

    const now = runtime.clock.now();
    // Calls of a step that was handed over are settled already.
    const settled = own.callsSettled;
    await updateStep(tx, own, {
      status: 'running',
      callsStarted: settled + 1,
      startedAt: own.startedAt ?? now,
    });
    const isFirst = row.status === 'queued';
    const started = { status: 'running', startedAt: row.startedAt ?? now } as const;
    const job = jobOf(isFirst ? await updateGeneration(tx, row, started, now) : row);
    await insertEvents(tx, job.row, [stepEvent(job, key, 'running', row.percent)], now);
    const step = job.steps.find((one) => one.key === key);
    // A version of this service with another pipeline created the job.
    if (step === undefined) throw new Error(`The pipeline has no step ${key}.`);
    const calls = (own.calls as unknown as PlannedCall[]).slice(settled);
    return { kind: 'run', run: { job, row: own, step, outputs: outputsOf(job, rows), calls } };
  });
}

async function runClaimed(
  options: RunOptions,
  reference: StepReference,
  run: Run,
  cancelled: AbortSignal,
  shutdown: AbortSignal,
): Promise<void> {
  const { activeRequests } = options;
  let active: ActiveRequest | undefined;
  try {
    const begun = activeRequests.begin(scopeOf(options, run));
    active = begun;
    if (cancelled.aborted) begun.abandon();
    cancelled.addEventListener('abort', begun.abandon, { once: true });
    shutdown.addEventListener('abort', () => begun.end('shutdown'), { once: true });
    let repair = (run.row.repair ?? undefined) as Repair | undefined;
    if (shutdown.aborted) throw new StepHandedOver();
    const runNext = isWritten(run.step) ? runTextCall : runToolCall;
    for (const call of run.calls) {
      repair = await runNext(options, reference, run, call, begun, repair);
      if (shutdown.aborted) throw new StepHandedOver();
      if (repair === undefined) return;
    }
  } catch (error) {
    if (error instanceof StepHandedOver || isUnsentAtShutdown(error, active)) {
      if (await handOverStep(options, reference)) throw new StepHandedOver();
      return;
    }
    if (error instanceof ProviderOutage) {
      const { baseDelayMs } = options.runner.retries;
      await putOffStep(options, reference, { timesPutOff: run.timesPutOff, baseDelayMs });
      return;
    }
    // A call that was sent is settled with its failure. Other errors come from before the call.
    await commitCall(options, reference, { kind: 'failed', failure: failureOf(error, reference.key) }, null);
    if (!(error instanceof ProblemError)) throw error;
  } finally {
    if (active) activeRequests.finish(active);
  }
}

function scopeOf({ deadlineMarginMs, runtime }: RunOptions, { job, calls }: Run) {
  const { accountId, keyId, holdExpiresAt } = job.row;
  const leftMs = (holdExpiresAt?.getTime() ?? 0) - runtime.clock.now().getTime();
  return {
    accountId,
    keyId,
    traceparent: contextOf(job.row).traceparent,
    targets: calls.flatMap(({ provider, model }) => [provider, `${provider}/${model}`]),
    deadlineMs: performance.now() + leftMs - deadlineMarginMs,
  };
}

/** @returns what the next call must repair; undefined if the step has ended. */
async function runTextCall(
  options: RunOptions,
  reference: StepReference,
  run: Run,
  call: PlannedCall,
  active: ActiveRequest,
  repaired: Repair | undefined,
): Promise<Repair | undefined> {
  const { runner, providers } = options;
  const isRepeated = repaired === undefined && run.row.callsSettled > 0;
  const texts = createTextEvents(options, run.job, run.step, run.outputs, isRepeated);
  const { brief } = run.job;
  const rules = {
    avoided: brief.request.avoid_keywords,
    language: requiredLanguage(run.step, brief),
  };
  const canRepair = call !== run.calls.at(-1);
  let verdict: Verdict | undefined;
  let text = '';
  const endFor = (failure: GenerationFailure | undefined): CallEnd => {
    if (failure === undefined || active.reason() !== 'shutdown')
      return endOf(verdict, failure, reference.key);
    const repair = canRepair ? repairOfCut(run.step, text) : undefined;
    return repair === undefined ? { kind: 'cut', failure } : { kind: 'repair', repair };
  };
  const settlement = committingSettlement(options, reference, run, endFor, texts);
  const providerCall = {
    requestId: run.row.holdId,
    call: configuredCall(call, providers.forPipeline),
    active,
    settlement,
    isLast: () => false,
    mayRepeatLater: mayPutOff(run.timesPutOff),
    countPrompt: (one: PlannedCall) => countPrompt(chatOf(run, one, repaired).body, one),
  };
  await runCall(runner, providerCall, async (context, record, one) => {
    let isCut = false;
    await providers.forPipeline(one.provider).chatStream(chatOf(run, one, repaired), context, (piece) => {
      record.take(piece);
      text = record.text;
      if (piece.bytes !== null && CUT.test(piece.bytes)) isCut = true;
      return piece.text === '' ? undefined : texts.push(piece.text);
    });
    await texts.idle();
    const answer: Answer = { text: requireText(record.text), isCut };
    verdict = checkAnswer(run.step, answer, canRepair, repaired, rules);
  }).catch((error: unknown) => {
    // The settlement of a failed call has ended the step.
    if (!settlement.isCommitted()) throw error;
  });
  return verdict?.kind === 'repair' && settlement.isCommitted() ? verdict.repair : undefined;
}

/** Runs the call of a step that writes no text. */
async function runToolCall(
  options: RunOptions,
  reference: StepReference,
  run: Run,
  planned: PlannedCall,
  active: ActiveRequest,
  repaired: Repair | undefined,
): Promise<Repair | undefined> {
  const { step } = run;
  const call = configuredToolCall(options, step, planned);
  const attempt = await toolAttempt(options, run, call, repaired);
  let verdict: Verdict | undefined;
  const endFor = (failure: GenerationFailure | undefined): CallEnd => {
    if (failure === undefined) return endOf(verdict, undefined, step.key);
    const substitute = substituteFor(options, run, call, failure.code, repaired);
    if (substitute !== undefined) return endOf(substitute, undefined, step.key);
    return active.reason() === 'shutdown' ? { kind: 'cut', failure } : endOf(verdict, failure, step.key);
  };
  const settlement = committingSettlement(options, reference, run, endFor, SILENT);
  const providerCall = {
    ...{ requestId: run.row.holdId, call, active, settlement },
    isLast: () => false,
    mayRepeatLater: call.step !== SAFETY_STEP && mayPutOff(run.timesPutOff),
  };
  await runCall(options.runner, providerCall, async (...one) => {
    verdict = await attempt(...one);
  }).catch((error: unknown) => {
    if (!settlement.isCommitted()) throw error;
  });
  if (!settlement.isCommitted()) return undefined;
  // What is left if this fails ends with its retention.
  if (verdict?.kind === 'accept') await deleteReplaced(options, run).catch(() => undefined);
  return verdict?.kind === 'repair' ? verdict.repair : undefined;
}

/** In the events of every provider, which arrive in OpenAI's format. Quotes inside texts are escaped. */
const CUT = /"finish_reason":\s*"length"/;

function chatOf({ step, job, outputs }: Run, call: PlannedCall, repair: Repair | undefined) {
  const target = { model: call.model, structuredOutput: call.structuredOutput === true };
  const body = stepRequest(step, job.brief, target, outputs, repair);
  if (contentPromptBound(body) > call.inputTokens)
    throw new RangeError(`The prompt of ${step.key} is larger than planned.`);
  return {
    body: { ...body, ...(call.reasoningEffort && { reasoning_effort: call.reasoningEffort }) },
    model: call.model,
    upstreamModel: call.upstreamModel,
    outputTokens: call.outputTokens,
    choices: 1,
  };
}

function failureOf(error: unknown, step: string): GenerationFailure {
  if (error instanceof ProblemError) return { code: error.code, detail: error.message, step };
  return { code: 'internal_error', detail: 'The step failed for a reason of our own.', step };
}
