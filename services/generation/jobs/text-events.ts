import { type Database, transaction } from '#libs/db/database.ts';
import { writtenStep } from '#libs/pipelines/content/pipeline.ts';
import type { ContentStep, StepOutputs } from '#libs/pipelines/content/step.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { type CallEnd, textEvents } from './domain/decide-end.ts';
import type { Job } from './domain/job.ts';
import { type GenerationEvent, insertEvents, lockGeneration } from './store.ts';

/** The text of a step as events, while it is written. */
export type TextEvents = {
  /** Takes a piece of the text. A returned promise resolves when what was waiting is stored. */
  readonly push: (text: string) => Promise<void> | undefined;
  /** Resolves when nothing is being stored. */
  readonly idle: () => Promise<void> | undefined;
  /** The events that are missing for the whole text, for the transaction that ends the step. */
  readonly rest: (end: CallEnd) => GenerationEvent[];
};

/** Readers see a text in pieces of this time, or of this length if that comes first. */
const INTERVAL_MS = 250;
const PIECE_LENGTH = 400;

export const SILENT: TextEvents = { push: () => undefined, idle: () => undefined, rest: () => [] };

/** @param isRepeated whether pieces of an earlier call may have been sent, which the first piece replaces. */
export function createTextEvents(
  { database, runtime }: { database: Database; runtime: Pick<Runtime, 'clock'> },
  job: Job,
  step: ContentStep,
  outputs: StepOutputs,
  isRepeated = false,
): TextEvents {
  if (writtenStep(step.part, job.brief) !== step.key) return SILENT;
  const outline = outputs.get('blog.outline');
  const title = outline && 'json' in outline ? `# ${outline.json.title}\n\n` : '';
  let waiting = title;
  let sent = '';
  let sentAtMs = 0;
  let storing: Promise<void> | undefined;
  const event = (chunk: string, more: object = {}): GenerationEvent => ({
    type: 'content',
    data: { content_type: step.part, chunk, ...more },
  });

  const pieces = (chunk: string) =>
    isRepeated && sent === '' ? [event(chunk, { replace: true })] : textEvents(step.part, chunk);

  async function store(chunk: string): Promise<void> {
    try {
      // Events are inserted under the lock of the job, so that readers see them in the order of their ids.
      await transaction(database, async (tx) => {
        if (await lockGeneration(tx, job.row.id))
          await insertEvents(tx, job.row, pieces(chunk), runtime.clock.now());
      });
      sent += chunk;
    } catch {
      // The text arrives with a later piece, or with the end of the step.
      waiting = chunk + waiting;
    } finally {
      storing = undefined;
    }
  }

  return {
    push(text) {
      waiting += text;
      if (storing !== undefined) return storing;
      if (waiting.length < PIECE_LENGTH && performance.now() - sentAtMs < INTERVAL_MS) return undefined;
      sentAtMs = performance.now();
      const chunk = waiting;
      waiting = '';
      storing = store(chunk);
      return storing;
    },
    idle: () => storing,
    rest(end) {
      if (end.kind !== 'output' || !('markdown' in end.output)) return [];
      const whole = title + end.output.markdown;
      // A repaired text replaces what was sent.
      return whole.startsWith(sent) ? pieces(whole.slice(sent.length)) : [event(whole, { replace: true })];
    },
  };
}
