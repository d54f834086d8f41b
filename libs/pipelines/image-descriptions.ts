/** What models write about images: a text alternative of what was drawn, and the style of an image to draw in. */
import type { ChatMessage } from '#libs/contracts/chat-completions.ts';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { ImageRequest } from '#libs/contracts/images.ts';
import { problem } from '#libs/problems/problems.ts';
import { cutToByteBound } from './byte-bound.ts';
import { plainText, shortenTo } from './content/text.ts';
import { bytesBound } from './prompt-bound.ts';
import { type ModelChain, planChain, planTextCall, textTokens } from './text-call.ts';
import { fenceUntrusted, systemPrompt } from './untrusted.ts';

export const ALT_TEXT_STEP = 'alt_text';
export const STYLE_STEP = 'style';

/** Screen readers truncate descriptions at about 125 characters; this suffices in every language. */
const ALT_TEXT_TOKENS = 120;
/** Bytes of the provider's revised prompt that the description's prompt includes. */
const DRAWN_BYTES = 1_500;
const STYLE_TOKENS = 160;
/** The style in the prompt of an image, with its introduction. */
export const STYLE_BYTES = 800;

/** The style for a model that gets the image itself. */
export const ATTACHED_STYLE =
  'that of the attached image, with its medium, line, colours, light, texture and mood, and nothing of what it shows';

/** Models that write descriptions, with the plan's cap for one call. */
export type DescribingModel = ModelChain & { readonly outputTokensCap: number | null };

/** A model that sees reads a preview of the image; the others read its prompt. */
export function planAltText(describing: DescribingModel, request: ImageRequest, index: number): PlannedCall {
  const promptBytes = bytesBound(altTextMessages(request, '')) + DRAWN_BYTES;
  return planDescription(describing, { index, step: ALT_TEXT_STEP }, promptBytes, ALT_TEXT_TOKENS);
}

/** By models that see. @throws ProblemError `model_not_in_plan` if the first does not. */
export function planStyle(describing: DescribingModel, index: number): PlannedCall {
  if (!describing.model.capabilities.vision)
    throw problem('model_not_in_plan', { detail: 'The plan has no model that sees the style of an image.' });
  const promptBytes = bytesBound(styleMessages(null));
  return planDescription(describing, { index, step: STYLE_STEP }, promptBytes, STYLE_TOKENS);
}

function planDescription(
  { outputTokensCap, ...chain }: DescribingModel,
  step: { index: number; step: string },
  promptBytes: number,
  tokens: number,
): PlannedCall {
  return planChain(chain, (target) => {
    const { model } = target;
    const outputTokens = Math.min(
      textTokens(model, tokens),
      outputTokensCap ?? Number.POSITIVE_INFINITY,
      model.maxOutputTokens,
    );
    const promptTokens = promptBytes + model.maxImageInputTokens;
    const bounds = { promptTokens, carriedTokens: 0, outputTokens };
    return {
      ...planTextCall(target, { ...step, counts: {} }, bounds),
      seesImage: model.capabilities.vision,
    };
  });
}

const MAX_ALT_TEXT = 300;

/** The text alternative in a model's answer, without Markdown; null if there is none. */
export function altTextOf(answer: string): string | null {
  return shortenTo(plainText(answer).trim(), MAX_ALT_TEXT) || null;
}

/** The part of an image's prompt that says its style; empty without one. */
export function stylePrompt(style: string): string {
  return style && cutToByteBound(`Draw it in this style: ${style}`, STYLE_BYTES);
}

/**
 * @param drawn the provider's revised prompt; empty if it reports none.
 * @param preview the image as a data URL, for a model that sees; null for a description of what the prompt asks for.
 */
export function altTextMessages(
  request: ImageRequest,
  drawn: string,
  preview: string | null = null,
): ChatMessage[] {
  const asked = `${fenceUntrusted('image prompt', `${request.prompt}\n${cutToByteBound(drawn, DRAWN_BYTES)}`)}`;
  const task =
    preview === null
      ? `Describe the image drawn for this prompt: ${asked}`
      : `Describe this image, in the language of the prompt that it was drawn for: ${asked}`;
  return [
    {
      role: 'system',
      content: systemPrompt(
        'You write alternative texts of images for people who cannot see them: one sentence of at most 125 ' +
          'characters, concrete, without “image of”. You answer with the sentence and nothing else.',
      ),
    },
    aboutImage(task, preview),
  ];
}

function aboutImage(task: string, preview: string | null): ChatMessage {
  if (preview === null) return { role: 'user', content: task };
  const image = { type: 'image_url', image_url: { url: preview, detail: 'low' } } as const;
  return { role: 'user', content: [{ type: 'text', text: task }, image] };
}

/** @param preview the image as a data URL; null for the text alone. */
export function styleMessages(preview: string | null): ChatMessage[] {
  const task = 'Describe the style of this image.';
  return [
    {
      role: 'system',
      content: systemPrompt(
        'You describe the style of images for illustrators: medium, line, colours, light, texture and mood, in at most 60 ' +
          'words. You name neither what the image shows nor any artist. You answer with the description and nothing else.',
      ),
    },
    aboutImage(task, preview),
  ];
}
