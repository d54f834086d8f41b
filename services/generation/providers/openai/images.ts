import type OpenAI from 'openai';
import type { DrawnImage, ImageAdapter, ImageOrder } from '../domain/image-adapter.ts';
import type { CallContext } from '../domain/provider-adapter.ts';
import { ProviderError } from '../domain/provider-error.ts';
import { startSdkCall } from '../sdk-call.ts';
import { errorFromSdk } from '../sdk-errors.ts';
import { sdkRequestOptions } from '../sdk-options.ts';
import { createOpenAiClient, type OpenAiAccess } from './client.ts';
import { REQUEST_ID_HEADER } from './vendors.ts';

/** Models that always return Base64, and refuse the parameter that asks for it. */
const ALWAYS_BASE64 = /^gpt-image/;

/** OpenAI and every provider with a compatible images API, through the official SDK. */
export class OpenAiImageAdapter implements ImageAdapter {
  readonly #client: OpenAI;

  constructor(access: OpenAiAccess) {
    this.#client = createOpenAiClient(access);
  }

  async draw(order: ImageOrder, context: CallContext): Promise<DrawnImage[]> {
    const body = bodyOf(order);
    context.trace.requestBytes = Buffer.byteLength(JSON.stringify(body));
    const limit = startSdkCall(context);
    try {
      const call = this.#client.images.generate(body, sdkRequestOptions(context, limit));
      const { data, response } = await call.withResponse();
      context.trace.providerRequestId = response.headers.get(REQUEST_ID_HEADER);
      return readImages(data, order.count);
    } catch (error) {
      throw errorFromSdk(error, limit);
    } finally {
      limit.release();
    }
  }
}

/** @see https://platform.openai.com/docs/api-reference/images/create */
function bodyOf({ prompt, upstreamModel, count, size, quality }: ImageOrder): OpenAI.ImageGenerateParams & {
  stream?: false;
} {
  return {
    model: upstreamModel,
    prompt,
    n: count,
    ...(!ALWAYS_BASE64.test(upstreamModel) && { response_format: 'b64_json' as const }),
    ...(size !== null && { size: size as NonNullable<OpenAI.ImageGenerateParams['size']> }),
    ...(quality !== null && { quality: quality as NonNullable<OpenAI.ImageGenerateParams['quality']> }),
  };
}

function readImages({ data }: OpenAI.ImagesResponse, ordered: number): DrawnImage[] {
  const images = (Array.isArray(data) ? data : [])
    .slice(0, ordered)
    .map(({ b64_json, url, revised_prompt }) => ({
      base64: b64_json ?? null,
      url: url ?? null,
      revisedPrompt: revised_prompt ?? null,
    }))
    .filter(({ base64, url }) => base64 !== null || url !== null);
  if (images.length === 0) throw new ProviderError('malformed', "The provider's answer has no image.");
  return images;
}
