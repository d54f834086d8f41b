import type { ChatMessage } from '#libs/contracts/chat-completions.ts';
import type { GenerateRequest } from '#libs/contracts/generate.ts';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { isContentStep, promptOf, sourceOf } from '#libs/pipelines/content.ts';
import type { ContentStep } from '#libs/pipelines/content-prompts.ts';
import { problem } from '#libs/problems/problems.ts';
import { countPrompt } from '../calls/domain/count-tokens.ts';
import type { Outcome } from '../calls/domain/measure.ts';
import {
  type Attempt,
  type CallRunner,
  type Figures,
  type ProviderCall,
  runCall,
  type SettledFigures,
} from '../calls/domain/run-call.ts';
import type { ChatSource } from '../providers/domain/chat-source.ts';
import { createStreamEnd, type StreamEnd } from '../requests/domain/stream-end.ts';
import { plannedChat, requireText, textAttempt } from './domain.ts';

/** The text that each step of a pipeline produced. */
export type StepTexts = ReadonlyMap<ContentStep, string>;

/** Callbacks of a running pipeline. Returned promises are awaited, so that a slow client slows the pipeline. */
export type ContentListener = {
  readonly onStatus?: (step: ContentStep, progress: number) => Promise<void> | undefined;
  /** A piece of a delivered text, as the model writes it. */
  readonly onChunk?: (step: ContentStep, chunk: string, progress: number) => Promise<void> | undefined;
  /** Called when all texts are complete, before the last call is settled. Must not throw. */
  readonly onComplete?: (texts: StepTexts, figures: Figures) => Promise<void>;
};

export type ContentRun = Pick<ProviderCall, 'requestId' | 'active' | 'settlement'> & {
  request: GenerateRequest;
  calls: readonly PlannedCall[];
  sourceFor: (provider: string) => ChatSource;
  listener: ContentListener;
};

/** Steps whose texts the client receives; the others are input for later steps. */
const DELIVERED: ReadonlySet<ContentStep> = new Set(['edit', 'social']);

/** A piece of a step's text, and the progress with it. */
type Chunk = { text: string; reached: number };

/** For estimating progress inside a step from the length of its text. */
const CHARACTERS_PER_TOKEN = 4;

/**
 * Runs the planned steps, each as soon as its input is ready, and settles each when it ends. After the first failure no
 * further step starts; the failure is thrown when no step is running.
 *
 * @throws ProblemError
 */
export async function runContent(
  runner: CallRunner,
  run: ContentRun,
): Promise<{ texts: StepTexts; figures: SettledFigures }> {
  const { calls } = run;
  const texts = new Map<ContentStep, string>();
  const total: SettledFigures = { costNanoUsd: 0n, tokens: 0, state: 'ok' };
  let unsettled = calls.length;
  let running = 0;
  const steps = new Map<ContentStep, Promise<string>>();

  /** The last settlement closes the hold: the last of all calls, or of those that were running when one failed. */
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
      await run.listener.onStatus?.(step, progress);
      const beforeSettle = async (figures: Figures) => {
        if (unsettled === 1) await run.listener.onComplete?.(texts, add(total, figures));
      };
      const messages = promptOf(step, run.request, carried, call.inputTokens);
      const end = progressOf(position + 1, calls.length);
      const chunks = createStreamEnd<Chunk>(({ text, reached }) =>
        run.listener.onChunk?.(step, text, reached),
      );
      const attempt = stepAttempt(run, step, call, messages, progress, end, texts, chunks);
      const countTokens = () => countPrompt(plannedChat(call, messages).body, call);
      const providerCall = { ...run, call, isLast, beforeSettle, countPrompt: countTokens };
      const { figures } = await runCall(runner, providerCall, attempt);
      await chunks.release();
      Object.assign(total, add(total, figures), { state: figures.state });
      return texts.get(step) ?? '';
    } finally {
      running -= 1;
    }
  }

  for (const [position, call] of calls.entries()) {
    const { step } = call;
    if (!isContentStep(step)) throw problem('invalid_request', { detail: `Unknown step: ${step}` });
    const pending = runStep(step, call, position);
    // a failed step also fails the steps that depend on it; all are awaited below
    pending.catch(() => undefined);
    steps.set(step, pending);
  }
  const outcomes = await Promise.allSettled(steps.values());
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return { texts, figures: total };
}

/** An attempt at a step's text. It is streamed if the client receives it as events. */
function stepAttempt(
  { sourceFor, listener }: ContentRun,
  step: ContentStep,
  call: PlannedCall,
  messages: ChatMessage[],
  from: number,
  to: number,
  texts: Map<ContentStep, string>,
  chunks: StreamEnd<Chunk>,
): Attempt<void> {
  const isSent = DELIVERED.has(step) && listener.onChunk !== undefined;
  const whole = textAttempt(call, messages, sourceFor);
  return async (context, record) => {
    if (!isSent) {
      texts.set(step, await whole(context, record));
      return;
    }
    const expected = call.outputTokens * CHARACTERS_PER_TOKEN;
    await sourceFor(call.provider).chatStream(plannedChat(call, messages), context, (piece) => {
      record.take(piece);
      if (piece.text === '') return undefined;
      const share = Math.min(record.text.length / expected, 1);
      const reached = Math.floor(from + (to - from) * share);
      return chunks.push({ text: piece.text, reached }, { isContent: true, isEnd: false });
    });
    texts.set(step, requireText(record.text));
  };
}

function progressOf(position: number, count: number): number {
  return Math.floor((100 * position) / count);
}

function add(one: Figures, other: Figures): Figures {
  return { costNanoUsd: one.costNanoUsd + other.costNanoUsd, tokens: one.tokens + other.tokens };
}
