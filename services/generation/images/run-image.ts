import type { ChatMessage } from '#libs/contracts/chat-completions.ts';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { ImageRequest } from '#libs/contracts/images.ts';
import { IMAGE_STEP } from '#libs/pipelines/image.ts';
import {
  ALT_TEXT_STEP,
  altTextMessages,
  altTextOf,
  STYLE_STEP,
  styleMessages,
} from '#libs/pipelines/image-descriptions.ts';
import { SAFETY_STEP, safetyInput } from '#libs/pipelines/safety.ts';
import { problem } from '#libs/problems/problems.ts';
import { configuredCall } from '../calls/domain/configured-call.ts';
import { countPrompt } from '../calls/domain/count-tokens.ts';
import {
  type Attempt,
  type CallRunner,
  type Figures,
  type ProviderCall,
  runCall,
  type SettledFigures,
} from '../calls/domain/run-call.ts';
import { plannedChat, textAttempt } from '../content/domain.ts';
import type { SaveMedia } from '../media/domain.ts';
import type { ChatSource } from '../providers/domain/chat-source.ts';
import type { DrawnImage, ImageAdapter } from '../providers/domain/image-adapter.ts';
import type { ModerationAdapter } from '../providers/domain/moderation-adapter.ts';
import { promptRefused, safetyAttempt } from '../safety/domain.ts';
import { drawAttempt } from './domain/draw.ts';
import { type FinishedImage, finishImage, pngCopyOf, previewOf } from './domain/finish-image.ts';

export type Drawing = {
  images: readonly FinishedImage[];
  /** The calls that drew them. A fallback replaces the planned one. */
  calls: readonly PlannedCall[];
  /** One description for all images, because they share a prompt. */
  altText: string | null;
  /** Planned parts that failed. */
  incomplete: readonly ('images' | 'alt_text' | 'post_processing')[];
};

export type ImageRun = Pick<ProviderCall, 'requestId' | 'active' | 'settlement'> & {
  request: ImageRequest;
  calls: readonly PlannedCall[];
  adapterFor: (provider: string) => ImageAdapter;
  sourceFor: (provider: string) => ChatSource;
  /** Stores an image, if its URL is wanted. */
  save: ((file: Parameters<SaveMedia>[1]) => Promise<{ url: string }>) | null;
  /** Undefined for a provider that is not configured: its moderations are left out. */
  moderationsFor: (provider: string) => ModerationAdapter | undefined;
  /** Called with a preview of an image that is being drawn, and with each image once it is settled. */
  onPreview?: (index: number, position: number, base64: string) => void;
  onImage?: (index: number, image: FinishedImage) => void;
  /** Called when everything is complete, before the last call is settled. Must not throw. */
  onComplete: (drawing: Drawing, figures: Figures) => Promise<void>;
};

/**
 * Runs the planned calls, the images in parallel and then their description, and settles each when it ends. Images that
 * are settled are delivered even if other calls fail.
 *
 * @throws ProblemError `prompt_refused`, or why there is no image.
 */
export async function runImage(
  runner: CallRunner,
  run: ImageRun,
): Promise<{ drawing: Drawing; figures: SettledFigures }> {
  const { request, calls } = run;
  const pictures = calls.filter(({ step }) => step === IMAGE_STEP);
  const description = calls.find(({ step }) => step === ALT_TEXT_STEP);
  const styling = calls.find(({ step }) => step === STYLE_STEP);
  const safety = calls.find(({ step }) => step === SAFETY_STEP);
  const drawn = new Map<number, { call: PlannedCall; images: readonly FinishedImage[] }>();
  const total: SettledFigures = { costNanoUsd: 0n, tokens: 0, state: 'ok' };
  const style = request.style_image ? await copiesOfStyle(request.style_image) : null;
  let styleText = '';
  let altText: string | null = null;
  let unsettled = calls.length;

  const drawing = (): Drawing => {
    const results = pictures.flatMap(({ index }) => drawn.get(index) ?? []);
    const images = results.flatMap((result) => result.images);
    const ordered = pictures.reduce((sum, { otherUnits }) => sum + (otherUnits.image ?? 0), 0);
    const lacksText = description !== undefined && altText === null;
    return {
      images,
      calls: results.map(({ call }) => call),
      altText,
      incomplete: [
        ...(images.length < ordered ? (['images'] as const) : []),
        ...(lacksText ? (['alt_text'] as const) : []),
        ...(images.some(({ isUnfinished }) => isUnfinished) ? (['post_processing'] as const) : []),
      ],
    };
  };

  async function runAndSettle(
    call: PlannedCall,
    attempt: Attempt<void>,
    messages: ChatMessage[] = [],
  ): Promise<void> {
    const isLast = () => {
      unsettled -= 1;
      return unsettled === 0;
    };
    const beforeSettle = async (figures: Figures) => {
      if (unsettled === 1) await run.onComplete(drawing(), add(total, figures));
    };
    const countTokens = (one: PlannedCall) => countPrompt(plannedChat(one, messages).body, one);
    const providerCall = { ...run, call, isLast, beforeSettle, countPrompt: countTokens };
    const { figures } = await runCall(runner, providerCall, attempt);
    Object.assign(total, add(total, figures), { state: figures.state });
  }

  /** An image that cannot be stored is delivered as it is: it is paid for. */
  async function finish(drawnImage: DrawnImage): Promise<FinishedImage> {
    const image = await finishImage(drawnImage, request);
    const { base64, mediaType } = image;
    if (run.save === null || base64 === null || mediaType === null) return image;
    try {
      const { url } = await run.save({ bytes: Buffer.from(base64, 'base64'), mediaType });
      return { ...image, url };
    } catch {
      return image;
    }
  }

  async function moderate(call: PlannedCall): Promise<void> {
    const adapter = run.moderationsFor(call.provider);
    if (adapter === undefined) {
      unsettled -= 1;
      return;
    }
    const { prompt, content_context: context, industry_context: industry, tone } = request;
    const input = safetyInput([prompt, context, industry, tone], style === null ? [] : [style.preview]);
    const check = safetyAttempt(call, input, adapter);
    let categories: string[] = [];
    await runAndSettle(call, async (...attempt) => {
      categories = await check(...attempt);
    });
    if (categories.length > 0) throw promptRefused(categories);
  }

  /** @param take is called before the text is settled. */
  async function write(
    planned: PlannedCall,
    messages: ChatMessage[],
    take: (text: string) => void,
  ): Promise<void> {
    const answer = textAttempt(messages, run.sourceFor);
    await runAndSettle(
      configuredCall(planned, run.sourceFor),
      async (...attempt) => take(await answer(...attempt)),
      messages,
    );
  }

  async function draw(planned: PlannedCall): Promise<void> {
    const first = firstImageOf(pictures, planned);
    const attempt = drawAttempt(request, run.adapterFor, {
      style: styleText,
      styleImage: style?.png ?? null,
      onPreview: (position, base64) => run.onPreview?.(first, position, base64),
    });
    try {
      await runAndSettle(configuredCall(planned, run.adapterFor), async (context, record, call) => {
        const images = await attempt(context, record, call);
        drawn.set(planned.index, { call, images: await Promise.all(images.map((image) => finish(image))) });
      });
      for (const [position, image] of (drawn.get(planned.index)?.images ?? []).entries())
        run.onImage?.(first + position, image);
    } catch (error) {
      // An image that is not settled must not be delivered.
      drawn.delete(planned.index);
      throw error;
    }
  }

  async function describe(call: PlannedCall): Promise<void> {
    const [image] = drawing().images;
    try {
      // Without room for an image, the model cannot see.
      const preview = image && call.seesImage ? await previewOf(image) : null;
      const messages = altTextMessages(request, image?.revisedPrompt ?? '', preview);
      await write(call, messages, (text) => {
        altText = altTextOf(text);
      });
    } catch {
      // The failure is settled. Paid images are delivered without their description.
      altText = null;
    }
  }

  if (safety !== undefined) await moderate(safety);
  // Nothing is drawn without the style: it would be another image.
  if (styling !== undefined) {
    await write(styling, styleMessages(style?.preview ?? null), (text) => {
      styleText = text;
    });
  }
  const outcomes = await Promise.allSettled(pictures.map(draw));
  if (drawn.size === 0) {
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }
  if (description !== undefined) await describe(description);
  return { drawing: drawing(), figures: total };
}

/** The position of the first image of a call among all that were ordered. */
function firstImageOf(pictures: readonly PlannedCall[], call: PlannedCall): number {
  const before = pictures.slice(0, pictures.indexOf(call));
  return before.reduce((sum, { otherUnits }) => sum + (otherUnits.image ?? 0), 0);
}

/** Copies without what else the file has. @throws ProblemError `invalid_request` for an image that cannot be read. */
async function copiesOfStyle(base64: string): Promise<{ preview: string; png: Buffer }> {
  const [preview, png] = await Promise.all([previewOf({ base64 }), pngCopyOf(base64)]);
  if (preview !== null && png !== null) return { preview, png };
  throw problem('invalid_request', {
    detail: 'The style image cannot be read.',
    fields: { param: 'style_image' },
  });
}

function add(one: Figures, other: Figures): Figures {
  return { costNanoUsd: one.costNanoUsd + other.costNanoUsd, tokens: one.tokens + other.tokens };
}
