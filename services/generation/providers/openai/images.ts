import type { Dispatcher } from 'undici';
import type { Drawn, DrawnImage, ImageAdapter, ImageOrder } from '../domain/image-adapter.ts';
import { ProviderError } from '../domain/provider-error.ts';
import { type Endpoint, postTo } from '../endpoint.ts';
import { encodeForm } from '../form.ts';
import { fieldsOf, type JsonObject, objectsIn, textOrUndefined } from '../json.ts';
import { fetchDocument, MAX_ANSWER_BYTES } from '../read-document.ts';
import { streamImage } from './image-stream.ts';

/** Models that always return Base64, and refuse the parameter that asks for it. */
const ALWAYS_BASE64 = /^gpt-image/;

/** xAI takes a ratio and a resolution: https://docs.x.ai/docs/guides/image-generations */
const RATIO = /^\d+:\d+$/;
const HIGH_RESOLUTION = /^grok-imagine-image-pro$/;

/** OpenAI and every provider with a compatible images API. */
export function createOpenAiImageAdapter(endpoint: Endpoint, dispatcher: Dispatcher): ImageAdapter {
  return {
    async draw(order, context) {
      const { previews, images } = order;
      const sent = images === undefined ? generationOf(order) : await editOf(order, images);
      const request = postTo(
        endpoint,
        { ...sent, ...(previews && { accept: 'text/event-stream' }) },
        context,
      );
      if (previews) {
        const completed = await streamImage(dispatcher, request, context, previews);
        const document = { data: [completed], usage: completed?.usage };
        return { images: readImages(document, 1), billed: readBilled(document) };
      }
      const maxBytes = MAX_ANSWER_BYTES * Math.max(1, order.count);
      const { document } = await fetchDocument(dispatcher, request, context, maxBytes);
      return { images: readImages(document, order.count), billed: readBilled(document) };
    },
  };
}

function generationOf(order: ImageOrder): { path: string; body: string } {
  return { path: '/images/generations', body: JSON.stringify(parametersOf(order)) };
}

/** A prompt with images. @see https://platform.openai.com/docs/api-reference/images/createEdit */
async function editOf(order: ImageOrder, images: readonly Buffer[]) {
  const form = new FormData();
  for (const [name, value] of Object.entries(parametersOf(order))) form.set(name, String(value));
  for (const [index, image] of images.entries())
    form.append('image[]', new File([Uint8Array.from(image)], `image-${index}.png`, { type: 'image/png' }));
  return { path: '/images/edits', ...(await encodeForm(form)) };
}

/** @see https://platform.openai.com/docs/api-reference/images/create */
function parametersOf({ prompt, upstreamModel, count, size, quality, previews }: ImageOrder): object {
  return {
    model: upstreamModel,
    prompt,
    n: count,
    ...(!ALWAYS_BASE64.test(upstreamModel) && { response_format: 'b64_json' }),
    ...(size !== null && (RATIO.test(size) ? { aspect_ratio: size } : { size })),
    ...(HIGH_RESOLUTION.test(upstreamModel) && { resolution: '2k' }),
    ...(quality !== null && { quality }),
    ...(previews && { stream: true, partial_images: previews.count }),
  };
}

/** Only models that are billed by tokens report usage: all of the output is images. */
function readBilled({ usage }: JsonObject): Drawn['billed'] {
  const { input_tokens: promptTokens, output_tokens: imageUnits, input_tokens_details } = fieldsOf(usage);
  const { image_tokens: imageTokens } = fieldsOf(input_tokens_details);
  if (!isCount(promptTokens) || !isCount(imageUnits) || imageUnits === 0) return null;
  const isSplit = isCount(imageTokens) && imageTokens <= promptTokens;
  return { promptTokens, imageTokens: isSplit ? imageTokens : null, imageUnits };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function readImages({ data }: JsonObject, ordered: number): DrawnImage[] {
  const images = objectsIn(data)
    .slice(0, ordered)
    .map(({ b64_json, url, revised_prompt }) => ({
      base64: textOrUndefined(b64_json) ?? null,
      url: textOrUndefined(url) ?? null,
      revisedPrompt: textOrUndefined(revised_prompt) ?? null,
    }))
    .filter(({ base64, url }) => base64 !== null || url !== null);
  if (images.length === 0) throw new ProviderError('malformed', "The provider's answer has no image.");
  return images;
}
