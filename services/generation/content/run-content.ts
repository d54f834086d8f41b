import type { ChatMessage } from '#libs/contracts/chat-completions.ts';
import type { GenerateRequest } from '#libs/contracts/generate.ts';
import type { PlannedCall } from '#libs/contracts/work.ts';
import { isContentStep, promptOf, sourceOf } from '#libs/pipelines/content.ts';
import type { ContentStep } from '#libs/pipelines/content-prompts.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Outcome } from '../calls/measure.ts';
import {
  type Attempt,
  type CallRunner,
  type Figures,
  type ProviderCall,
  runCall,
  type SettledFigures,
} from '../calls/run-call.ts';
import type { ChatSource } from '../providers/chat-source.ts';
import { plannedChat, requireText, writeAnswer } from './write-text.ts';

/** What a pipeline produced; a text of each step, from memory. */
export type StepTexts = ReadonlyMap<ContentStep, string>;

/** Told while a pipeline runs. Promises are waited for, so that a slow reader slows the writer. */
export type ContentListener = {
  readonly onStatus?: (step: ContentStep, progress: number) => Promise<void> | undefined;
  /** Pieces of a text that is asked for, as the model writes it. */
  readonly onChunk?: (step: ContentStep, chunk: string, progress: number) => Promise<void> | undefined;
  /** Everything is written and the last call is about to be settled. Must not throw. */
  readonly onComplete?: (texts: StepTexts, figures: Figures) => Promise<void>;
};

export type ContentJob = Pick<ProviderCall, 'requestId' | 'work' | 'settlement'> & {
  request: GenerateRequest;
  calls: readonly PlannedCall[];
  sourceFor: (provider: string) => ChatSource;
  listener: ContentListener;
};

/** Texts that clients get; the others are only for the steps after them. */
const DELIVERED: ReadonlySet<ContentStep> = new Set(['edit', 'social']);

/** Progress inside a step is guessed from the length of what has been written. */
const CHARACTERS_PER_TOKEN = 4;

/**
 * Runs the planned steps, each as soon as the one it works on is done, and settles each as it ends. The first failure
 * keeps further steps from starting and is thrown once none is running.
 *
 * @throws ProblemError
 */
export async function runContent(
  runner: CallRunner,
  job: ContentJob,
): Promise<{ texts: StepTexts; figures: SettledFigures }> {
  const { calls } = job;
  const texts = new Map<ContentStep, string>();
  const total: SettledFigures = { costNanoUsd: 0n, tokens: 0, state: 'ok' };
  let unsettled = calls.length;
  let running = 0;
  const steps = new Map<ContentStep, Promise<string>>();

  /** The last settlement closes the hold: of all calls, or of those that were running when one failed. */
  const isLast = (status: Outcome['status']) => {
    unsettled -= 1;
    return status === 'ok' ? unsettled === 0 : running === 1;
  };

  async function runStep(step: ContentStep, call: PlannedCall, position: number): Promise<string> {
    const source = sourceOf(step);
    const carried = source === null ? '' : ((await steps.get(source)) ?? '');
    running += 1;
    try {
      const progress = progressOf(position, calls.length);
      await job.listener.onStatus?.(step, progress);
      const keep = async (figures: Figures) => {
        if (unsettled === 1) await job.listener.onComplete?.(texts, add(total, figures));
      };
      const messages = promptOf(step, job.request, carried, call.inputTokens);
      const end = progressOf(position + 1, calls.length);
      const attempt = writeText(job, step, call, messages, progress, end, texts);
      const { figures } = await runCall(runner, { ...job, call, isLast, keep }, attempt);
      Object.assign(total, add(total, figures), { state: figures.state });
      return texts.get(step) ?? '';
    } finally {
      running -= 1;
    }
  }

  for (const [position, call] of calls.entries()) {
    const { step } = call;
    if (!isContentStep(step)) throw problem('invalid_request', { detail: `There is no step ${step}.` });
    const pending = runStep(step, call, position);
    // a step that fails fails those that wait for it; all are awaited below
    pending.catch(() => undefined);
    steps.set(step, pending);
  }
  const outcomes = await Promise.allSettled(steps.values());
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return { texts, figures: total };
}

/** One attempt at a step's text, streamed if it is for the client and somebody listens. */
function writeText(
  { sourceFor, listener }: ContentJob,
  step: ContentStep,
  call: PlannedCall,
  messages: ChatMessage[],
  from: number,
  to: number,
  texts: Map<ContentStep, string>,
): Attempt<void> {
  const onChunk = DELIVERED.has(step) ? listener.onChunk : undefined;
  const whole = writeAnswer(call, messages, sourceFor);
  return async (context, record) => {
    if (onChunk === undefined) {
      texts.set(step, await whole(context, record));
      return;
    }
    const expected = call.outputTokens * CHARACTERS_PER_TOKEN;
    await sourceFor(call.provider).chatStream(plannedChat(call, messages), context, (piece) => {
      record.take(piece);
      if (piece.text === '') return undefined;
      const share = Math.min(record.text.length / expected, 1);
      return onChunk(step, piece.text, Math.floor(from + (to - from) * share));
    });
    texts.set(step, requireText(record));
  };
}

function progressOf(position: number, count: number): number {
  return Math.floor((100 * position) / count);
}

function add(one: Figures, other: Figures): Figures {
  return { costNanoUsd: one.costNanoUsd + other.costNanoUsd, tokens: one.tokens + other.tokens };
}
