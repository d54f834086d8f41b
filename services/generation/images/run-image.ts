import type { ImageRequest } from '#libs/contracts/images.ts';
import type { PlannedCall } from '#libs/contracts/work.ts';
import { ALT_TEXT_STEP, altTextMessages, IMAGE_STEP, imagePrompt } from '#libs/pipelines/image.ts';
import {
  type Attempt,
  type CallRunner,
  type Figures,
  type ProviderCall,
  runCall,
  type SettledFigures,
} from '../calls/run-call.ts';
import { writeAnswer } from '../content/write-text.ts';
import type { ChatSource } from '../providers/chat-source.ts';
import type { DrawnImage, ImageAdapter } from '../providers/image-port.ts';

export type Drawing = {
  images: readonly DrawnImage[];
  /** One description for all of them: they are drawn for one prompt. */
  altText: string | null;
  /** What was planned and failed. */
  incomplete: readonly ('images' | 'alt_text')[];
};

export type ImageJob = Pick<ProviderCall, 'requestId' | 'work' | 'settlement'> & {
  request: ImageRequest;
  calls: readonly PlannedCall[];
  adapterFor: (provider: string) => ImageAdapter;
  sourceFor: (provider: string) => ChatSource;
  /** Everything is done and the last call is about to be settled. Must not throw. */
  onComplete: (drawing: Drawing, figures: Figures) => Promise<void>;
};

/**
 * Makes the planned calls, the pictures at the same time and then their description, and settles each as it ends. What
 * has been drawn and settled is delivered, whatever becomes of the rest.
 *
 * @throws ProblemError where nothing was drawn.
 */
export async function runImage(
  runner: CallRunner,
  job: ImageJob,
): Promise<{ drawing: Drawing; figures: SettledFigures }> {
  const { request, calls } = job;
  const pictures = calls.filter(({ step }) => step === IMAGE_STEP);
  const description = calls.find(({ step }) => step === ALT_TEXT_STEP);
  const drawn = new Map<number, readonly DrawnImage[]>();
  const total: SettledFigures = { costNanoUsd: 0n, tokens: 0, state: 'ok' };
  let altText: string | null = null;
  let unsettled = calls.length;

  const drawing = (): Drawing => {
    const images = pictures.flatMap(({ index }) => drawn.get(index) ?? []);
    const ordered = pictures.reduce((sum, { otherUnits }) => sum + (otherUnits.image ?? 0), 0);
    const lacksText = description !== undefined && altText === null;
    return {
      images,
      altText,
      incomplete: [
        ...(images.length < ordered ? (['images'] as const) : []),
        ...(lacksText ? (['alt_text'] as const) : []),
      ],
    };
  };

  async function run(call: PlannedCall, attempt: Attempt<void>): Promise<void> {
    const isLast = () => {
      unsettled -= 1;
      return unsettled === 0;
    };
    const keep = async (figures: Figures) => {
      if (unsettled === 1) await job.onComplete(drawing(), add(total, figures));
    };
    const { figures } = await runCall(runner, { ...job, call, isLast, keep }, attempt);
    Object.assign(total, add(total, figures), { state: figures.state });
  }

  async function draw(call: PlannedCall): Promise<void> {
    const adapter = job.adapterFor(call.provider);
    const order = {
      prompt: imagePrompt(request),
      upstreamModel: call.upstreamModel,
      count: call.otherUnits.image ?? 0,
      size: call.image?.size ?? null,
      quality: call.image?.quality ?? null,
    };
    try {
      await run(call, async (context, record) => {
        const images = await adapter.draw(order, context);
        for (const { base64, url } of images) record.responseBytes += (base64 ?? url ?? '').length;
        record.usage = { units: { image: images.length }, final: true };
        drawn.set(call.index, images);
      });
    } catch (error) {
      // Not in the books, so it must not leave.
      drawn.delete(call.index);
      throw error;
    }
  }

  async function describe(call: PlannedCall): Promise<void> {
    const [{ revisedPrompt } = { revisedPrompt: null }] = drawing().images;
    try {
      const write = writeAnswer(call, altTextMessages(request, revisedPrompt ?? ''), job.sourceFor);
      await run(call, async (context, record) => {
        altText = await write(context, record);
      });
    } catch {
      // The failure is in the books; pictures that are paid for are not kept back for want of a description.
      altText = null;
    }
  }

  const outcomes = await Promise.allSettled(pictures.map(draw));
  if (drawn.size === 0) {
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }
  if (description !== undefined) await describe(description);
  return { drawing: drawing(), figures: total };
}

function add(one: Figures, other: Figures): Figures {
  return { costNanoUsd: one.costNanoUsd + other.costNanoUsd, tokens: one.tokens + other.tokens };
}
