/** Runs a step of a job: its call, and a second one if that must be continued or repaired. */
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { type Tx, transaction } from '#libs/db/database.ts';
import type { GenerationFailure } from '#libs/db/schema/generations.ts';
import type { SettleAnswer, SettleRequest } from '#libs/ledger/types.ts';
import { type Answer, checkAnswer, type Verdict } from '#libs/pipelines/content/check.ts';
import { contentPromptBound, type Repair, stepRequest } from '#libs/pipelines/content/prompt.ts';
import type { ContentStep, StepOutputs } from '#libs/pipelines/content/step.ts';
import { ProblemError } from '#libs/problems/problems.ts';
import { countPrompt } from '../calls/domain/count-tokens.ts';
import { type CallRunner, runCall } from '../calls/domain/run-call.ts';
import { settleOrCorrect } from '../calls/domain/settle-or-correct.ts';
import { createSettlement, type Settlement, type SettlementOptions } from '../calls/domain/settlement.ts';
import { requireText } from '../content/domain.ts';
import type { Providers } from '../providers/domain/providers.ts';
import type { ActiveRequest, ActiveRequests } from '../requests/domain/active-requests.ts';
import { commitCall, type StepReference } from './commit.ts';
import type { CacheOptions } from './copies.ts';
import { type CallEnd, stepEvent } from './domain/decide-end.ts';
import { type Job, jobOf, outputsOf, type StepRow } from './domain/job.ts';
import type { JobHub } from './hub.ts';
import { settleInterrupted } from './interrupted.ts';
import {
  findStatus,
  findSteps,
  insertEvents,
  lockGeneration,
  updateGeneration,
  updateStep,
} from './store.ts';
import { createTextEvents, type TextEvents } from './text-events.ts';

export type RunOptions = CacheOptions &
  Omit<SettlementOptions, 'ledger'> & {
    runner: CallRunner;
    providers: Pick<Providers, 'forPipeline'>;
    activeRequests: ActiveRequests;
    hub: JobHub;
    deadlineMarginMs: number;
  };

/** A step that this process runs now. */
type Run = { job: Job; row: StepRow; step: ContentStep; outputs: StepOutputs; calls: PlannedCall[] };

/** The result of a call waits in memory for a database that is away, because it is paid for. */
const MAX_RETRY_MS = 600_000;

type Claim = { kind: 'run'; run: Run } | { kind: 'interrupted'; row: StepRow; accountId: string };

/** Runs a step that is queued. One that runs already was interrupted: its process is gone. */
export async function runStep(
  options: RunOptions,
  reference: StepReference,
  shutdown: AbortSignal,
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
    else await runClaimed(options, reference, claim.run, cancellation.signal, shutdown);
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
    if (own?.status === 'running') return { kind: 'interrupted', row: own, accountId: row.accountId };
    if (own?.status !== 'queued') return undefined;

    const now = runtime.clock.now();
    await updateStep(tx, own, { status: 'running', callsStarted: 1, startedAt: now });
    const isFirst = row.status === 'queued';
    if (isFirst) await updateGeneration(tx, row.id, { status: 'running', startedAt: row.startedAt ?? now });
    const job = jobOf({ ...row, status: isFirst ? 'running' : row.status });
    await insertEvents(tx, job.row, [stepEvent(job, key, 'running', row.percent)], now);
    const step = job.steps.find((one) => one.key === key);
    // A version of this service with another pipeline created the job.
    if (step === undefined) throw new Error(`The pipeline has no step ${key}.`);
    const calls = own.calls as unknown as PlannedCall[];
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
    let repair: Repair | undefined;
    for (const call of run.calls) {
      repair = await runOneCall(options, reference, run, call, begun, repair);
      if (repair === undefined) return;
    }
  } catch (error) {
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
    targets: calls.flatMap(({ provider, model }) => [provider, `${provider}/${model}`]),
    deadlineMs: performance.now() + leftMs - deadlineMarginMs,
  };
}

/** @returns what the next call must repair; undefined if the step has ended. */
async function runOneCall(
  options: RunOptions,
  reference: StepReference,
  run: Run,
  call: PlannedCall,
  active: ActiveRequest,
  repaired: Repair | undefined,
): Promise<Repair | undefined> {
  const { runner, providers } = options;
  const chat = chatOf(run, call, repaired);
  const texts = createTextEvents(options, run.job, run.step, run.outputs);
  const canRepair = call !== run.calls.at(-1);
  let verdict: Verdict | undefined;
  const settlement = committingSettlement(
    options,
    reference,
    run,
    (failure) => endOf(verdict, failure, reference.key),
    texts,
  );
  const providerCall = {
    requestId: run.row.holdId,
    call,
    active,
    settlement,
    isLast: () => false,
    countPrompt: () => countPrompt(chat.body, call),
  };
  await runCall(runner, providerCall, async (context, record) => {
    let isCut = false;
    await providers.forPipeline(call.provider).chatStream(chat, context, (piece) => {
      record.take(piece);
      if (piece.bytes !== null && CUT.test(piece.bytes)) isCut = true;
      return piece.text === '' ? undefined : texts.push(piece.text);
    });
    await texts.idle();
    const answer: Answer = { text: requireText(record.text), isCut };
    verdict = checkAnswer(run.step, answer, canRepair, repaired);
  }).catch((error: unknown) => {
    // The settlement of a failed call has ended the step.
    if (!settlement.isCommitted()) throw error;
  });
  return verdict?.kind === 'repair' && settlement.isCommitted() ? verdict.repair : undefined;
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

function endOf(verdict: Verdict | undefined, failure: GenerationFailure | undefined, key: string): CallEnd {
  if (failure !== undefined || verdict === undefined)
    return {
      kind: 'failed',
      failure: failure ?? { code: 'internal_error', detail: 'The step failed.', step: key },
    };
  if (verdict.kind === 'accept')
    return { kind: 'output', output: verdict.output, warnings: verdict.warnings };
  if (verdict.kind === 'repair') return { kind: 'repair', repair: verdict.repair };
  return { kind: 'failed', failure: { code: 'provider_malformed', detail: verdict.detail, step: key } };
}

/** A settlement that commits the result of the call in its own transaction. */
function committingSettlement(
  options: RunOptions,
  reference: StepReference,
  { row, job, step }: Run,
  endFor: (failure: GenerationFailure | undefined) => CallEnd,
  texts: TextEvents,
): Settlement & { isCommitted: () => boolean } {
  const { ledger } = options;
  const { accountId, holdExpiresAt } = job.row;
  let isCommitted = false;

  async function settle(request: SettleRequest): Promise<SettleAnswer> {
    let answer: Awaited<ReturnType<typeof settleOrCorrect>> | undefined;
    const { status, errorCode, inputCostNanoUsd, outputCostNanoUsd } = request.facts;
    const failure =
      status === 'ok'
        ? undefined
        : { code: errorCode ?? 'internal_error', detail: detailOf(errorCode), step: reference.key };
    const end = endFor(failure);
    const meters = countedMeters(request.meters, step, end.kind === 'output');
    const settleIn = async (tx: Tx, close: boolean) => {
      const within = {
        settle: (one: SettleRequest) => ledger.settle(one, tx),
        correct: (one: Parameters<typeof ledger.correct>[0]) => ledger.correct(one, tx),
      };
      answer = await settleOrCorrect(within, { ...request, meters, close });
      const tokens = Number(request.meters['tokens.total'] ?? 0n);
      return { costNanoUsd: inputCostNanoUsd + outputCostNanoUsd, tokens, state: answer.state };
    };
    const isApplied = await commitCall(options, reference, end, settleIn, texts.rest(end));
    isCommitted = true;
    // Another process has ended the step at its bound: these are the true figures.
    if (!isApplied) answer = await settleOrCorrect(ledger, { ...request, meters, close: false });
    return answer === undefined ? NOTHING_TO_SETTLE : { ...answer, outcome: 'settled' as const };
  }

  const leftMs = (holdExpiresAt?.getTime() ?? 0) - options.runtime.clock.now().getTime();
  const settlement = createSettlement(
    { ...options, ledger: { ...ledger, settle, correct: async () => 'repeated' as never } },
    { holdId: row.holdId, accountId, expiresAtMs: performance.now() + leftMs, maxRetryMs: MAX_RETRY_MS },
  );
  return { ...settlement, isCommitted: () => isCommitted };
}

/** A result counts when it is accepted, by whichever call. */
function countedMeters(meters: SettleRequest['meters'], { counts }: ContentStep, isAccepted: boolean) {
  const counted = { ...meters };
  for (const [meter, count] of Object.entries(counts)) {
    delete counted[meter];
    if (isAccepted) counted[meter] = BigInt(count);
  }
  return counted;
}

const NOTHING_TO_SETTLE: SettleAnswer = {
  outcome: 'repeated',
  late: false,
  overrun: false,
  state: 'ok',
  limit: null,
};

function detailOf(code: string | null): string {
  return DETAILS[code ?? ''] ?? 'The provider did not answer as it should.';
}

const DETAILS: Readonly<Record<string, string>> = {
  client_closed_request: 'The job was cancelled.',
  emergency_stop: 'An emergency stop ended the call.',
  provider_timeout: 'The provider did not answer in time.',
  provider_refused: 'The provider refused to write this.',
  service_unavailable: 'The service was stopped during the call.',
  prompt_too_large: 'The input exceeds the context window of the model.',
  invalid_request: 'The provider rejected the request.',
};

function failureOf(error: unknown, step: string): GenerationFailure {
  if (error instanceof ProblemError) return { code: error.code, detail: error.message, step };
  return { code: 'internal_error', detail: 'The step failed for a reason of our own.', step };
}
