import type { Fetch } from '#libs/http/undici-fetch.ts';
import type { DrawnImage, ImageAdapter, ImageOrder } from '../domain/image-adapter.ts';
import { CALL_ID_HEADER, type CallContext } from '../domain/provider-adapter.ts';
import { ProviderError } from '../domain/provider-error.ts';
import { startSdkCall } from '../sdk-call.ts';
import { errorFromSdk, parseJson } from '../sdk-errors.ts';
import { errorFromStatus } from '../status-errors.ts';

const REQUEST_ID_HEADER = 'x-request-id';

/** The path of each model. */
const PATHS: Readonly<Record<string, string>> = {
  'stable-image-core': '/v2beta/stable-image/generate/core',
};

type Answer = { image?: string; finish_reason?: string };
type ErrorDocument = { name?: string; errors?: readonly string[] };

/**
 * Stability's images: a form request that returns one image.
 * @see https://platform.stability.ai/docs/api-reference#tag/Generate/paths/~1v2beta~1stable-image~1generate~1core/post
 */
export class StabilityImageAdapter implements ImageAdapter {
  readonly #baseUrl: string;
  readonly #apiKey: string;
  readonly #fetch: Fetch;

  constructor({ baseUrl, apiKey, fetch }: { baseUrl: string; apiKey: string; fetch: Fetch }) {
    this.#baseUrl = baseUrl;
    this.#apiKey = apiKey;
    this.#fetch = fetch;
  }

  async draw(order: ImageOrder, context: CallContext): Promise<DrawnImage[]> {
    const { callId, trace } = context;
    const path = PATHS[order.upstreamModel];
    if (path === undefined) throw new ProviderError('not_found', 'The model has no known path.');
    trace.requestBytes = Buffer.byteLength(order.prompt);
    const limit = startSdkCall(context);
    try {
      const response = await this.#fetch(`${this.#baseUrl}${path}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${this.#apiKey}`,
          accept: 'application/json',
          [CALL_ID_HEADER]: callId,
        },
        body: formOf(order),
        signal: limit.signal,
      });
      trace.providerRequestId = response.headers.get(REQUEST_ID_HEADER);
      const body = parseJson(await response.text());
      if (!response.ok) throw failure(response, body);
      return [readImage(body)];
    } catch (error) {
      throw errorFromSdk(error, limit);
    } finally {
      limit.release();
    }
  }
}

function formOf({ prompt, size }: ImageOrder): FormData {
  const form = new FormData();
  form.set('prompt', prompt);
  form.set('output_format', 'png');
  if (size !== null) form.set('aspect_ratio', size);
  return form;
}

function failure(response: Response, body: unknown): ProviderError {
  const { name, errors = [] } = (body ?? {}) as ErrorDocument;
  const message = errors.join(' ');
  const { status } = response;
  // A refused prompt has the same status as a refused key.
  if (name === 'content_moderation') return new ProviderError('refused', message, { status });
  return errorFromStatus({
    status,
    body: { message, code: name },
    header: (header) => response.headers.get(header),
    providerRequestId: response.headers.get(REQUEST_ID_HEADER),
  });
}

function readImage(body: unknown): DrawnImage {
  const { image, finish_reason: reason } = (body ?? {}) as Answer;
  if (reason === 'CONTENT_FILTERED')
    throw new ProviderError('refused', 'The image was withheld by the content filter.');
  if (typeof image !== 'string') {
    throw new ProviderError('malformed', "The provider's answer has no image.");
  }
  return { base64: image, url: null, revisedPrompt: null };
}
