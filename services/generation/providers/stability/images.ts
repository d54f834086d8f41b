import type { Dispatcher } from 'undici';
import type { DrawnImage, ImageAdapter, ImageOrder } from '../domain/image-adapter.ts';
import { ProviderError } from '../domain/provider-error.ts';
import { type Endpoint, postTo } from '../endpoint.ts';
import { encodeForm } from '../form.ts';
import type { JsonObject } from '../json.ts';
import { fetchDocument } from '../read-document.ts';

/** The path of each model. */
const PATHS: Readonly<Record<string, string>> = {
  'stable-image-core': '/v2beta/stable-image/generate/core',
};

/**
 * Stability's images: a form request that returns one image.
 * @see https://platform.stability.ai/docs/api-reference#tag/Generate/paths/~1v2beta~1stable-image~1generate~1core/post
 */
export function createStabilityImageAdapter(endpoint: Endpoint, dispatcher: Dispatcher): ImageAdapter {
  return {
    async draw(order, context) {
      const path = PATHS[order.upstreamModel];
      if (path === undefined) throw new ProviderError('not_found', 'The model has no known path.');
      const request = postTo(endpoint, { path, ...(await encodeForm(formOf(order))) }, context);
      const { document } = await fetchDocument(dispatcher, request, context);
      return { images: [readImage(document)], billed: null };
    },
  };
}

function formOf({ prompt, size }: ImageOrder): FormData {
  const form = new FormData();
  form.set('prompt', prompt);
  form.set('output_format', 'png');
  if (size !== null) form.set('aspect_ratio', size);
  return form;
}

function readImage({ image, finish_reason: reason }: JsonObject): DrawnImage {
  if (reason === 'CONTENT_FILTERED')
    throw new ProviderError('refused', 'The image was withheld by the content filter.');
  if (typeof image !== 'string') {
    throw new ProviderError('malformed', "The provider's answer has no image.");
  }
  return { base64: image, url: null, revisedPrompt: null };
}
