/** Settles the call of a step together with what follows from its result. */
import type { Tx } from '#libs/db/database.ts';
import type { GenerationFailure } from '#libs/db/schema/generations.ts';
import type { SettleAnswer, SettleRequest } from '#libs/ledger/types.ts';
import type { Verdict } from '#libs/pipelines/content/check.ts';
import type { ContentStep } from '#libs/pipelines/content/step.ts';
import { SAFETY_STEP } from '#libs/pipelines/safety.ts';
import { settleOrCorrect } from '../calls/domain/settle-or-correct.ts';
import { createSettlement, type Settlement, type SettlementOptions } from '../calls/domain/settlement.ts';
import { commitCall, type JobOptions, type StepReference } from './commit.ts';
import type { CallEnd } from './domain/decide-end.ts';
import type { Job, StepRow } from './domain/job.ts';
import type { TextEvents } from './text-events.ts';

/** The result of a call waits in memory for a database that is away, because it is paid for. */
const MAX_RETRY_MS = 600_000;

export function endOf(
  verdict: Verdict | undefined,
  failure: GenerationFailure | undefined,
  key: string,
): CallEnd {
  if (failure !== undefined || verdict === undefined)
    return {
      kind: 'failed',
      failure: failure ?? { code: 'internal_error', detail: 'The step failed.', step: key },
    };
  if (verdict.kind === 'accept')
    return { kind: 'output', output: verdict.output, warnings: verdict.warnings };
  if (verdict.kind === 'repair') return { kind: 'repair', repair: verdict.repair };
  return {
    kind: 'failed',
    failure: { code: verdict.code ?? 'provider_malformed', detail: verdict.detail, step: key },
  };
}

/** A settlement that commits the result of the call in its own transaction. */
export function committingSettlement(
  options: JobOptions & Omit<SettlementOptions, 'ledger'>,
  reference: StepReference,
  { row, job, step }: { row: StepRow; job: Job; step: ContentStep },
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
      const { model, step: name } = request.facts;
      return {
        costNanoUsd: inputCostNanoUsd + outputCostNanoUsd,
        tokens,
        // A moderation answers nothing.
        ...(name !== SAFETY_STEP && { model }),
        state: answer.state,
      };
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
  provider_error: 'The provider could not be reached, or failed. Retry the job: what is finished is kept.',
  provider_timeout: 'The provider did not answer in time.',
  provider_refused: 'The provider refused to write this.',
  service_unavailable:
    'The service was stopped during the call, and no call is left to make it again. Retry the job.',
  prompt_too_large: 'The input exceeds the context window of the model.',
  invalid_request: 'The provider rejected the request.',
};
