import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';

/** The options of a call. `endSignal` is ours; the SDKs pass it on with their `fetchOptions`. */
export type FetchInit = RequestInit & {
  /** Destroys the socket when aborted, even if the SDK no longer listens to its own signal. */
  endSignal?: AbortSignal;
};

/** The `fetch` that the vendors' SDKs accept. */
export type Fetch = (input: string | URL | Request, init?: FetchInit) => Promise<Response>;

/**
 * A `fetch` for the OpenAI and Anthropic SDKs, built directly on undici's request API. undici's own `fetch` spends most
 * of its time on WHATWG streams that these SDKs do not need (docs/decisions/2026-11-27-libraries.md has the figures).
 *
 * The response has only what the SDKs read of a `Response`: `status`, `ok`, `headers`, `url`, `body` as an async iterable
 * of bytes, and `text`, `json`, `arrayBuffer`, `bytes`, `blob`. Redirects are not followed, and `clone` is missing.
 *
 * @param dispatcher a pool or agent. Aborting `init.signal` or `init.endSignal` destroys the socket of the call.
 */
export function fetchFromUndici(dispatcher: Dispatcher): Fetch {
  const fetch: Fetch = async (input, init = {}) => {
    if (input instanceof Request)
      throw new TypeError('Pass the URL as a string; Request objects are not supported');
    const { origin, pathname, search, href } = new URL(input);
    const { headers, body } = await encode(init);
    const ending = joinSignals(init.signal, init.endSignal);
    try {
      const response = await dispatcher.request({
        origin,
        path: pathname + search,
        method: (init.method ?? 'GET') as Dispatcher.HttpMethod,
        headers,
        body,
        signal: ending.signal,
      });
      response.body.once('close', ending.release);
      return new ThinResponse(href, response) as unknown as Response;
    } catch (error) {
      ending.release();
      throw error;
    }
  };
  // before an upload, the SDKs check `fetch.Response` for FormData support; without it they fetch a data: URL
  return Object.assign(fetch, { Response });
}

/**
 * One signal that is aborted with the first of several. Unlike `AbortSignal.any`, every link is a strong reference, so
 * garbage collection cannot break it.
 */
function joinSignals(...signals: (AbortSignal | null | undefined)[]) {
  const controller = new AbortController();
  const abort = () => controller.abort();
  for (const signal of signals) {
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  }
  return {
    signal: controller.signal,
    release: () => {
      for (const signal of signals) signal?.removeEventListener('abort', abort);
    },
  };
}

type UndiciHeaders = NonNullable<Dispatcher.RequestOptions['headers']> | null;
type UndiciBody = NonNullable<Dispatcher.RequestOptions['body']> | null;

async function encode({ headers, body }: RequestInit): Promise<{ headers: UndiciHeaders; body: UndiciBody }> {
  // undici accepts a Headers object or a record, but reads an array as alternating names and values
  const given = (Array.isArray(headers) ? new Headers(headers) : (headers ?? null)) as UndiciHeaders;
  if (body === undefined || body === null || typeof body === 'string' || body instanceof Uint8Array) {
    return { headers: given, body: body ?? null };
  }
  if (body instanceof ReadableStream || Symbol.asyncIterator in body) {
    return { headers: given, body: body as unknown as Readable };
  }
  // the platform encodes forms and blobs and knows their content type
  const encoded = new Response(body);
  const merged = new Headers(headers);
  const contentType = encoded.headers.get('content-type');
  if (contentType !== null && !merged.has('content-type')) merged.set('content-type', contentType);
  return { headers: merged, body: new Uint8Array(await encoded.arrayBuffer()) };
}

/** Names arrive in lower case from undici. */
class ThinHeaders implements Iterable<[string, string]> {
  readonly #raw: Dispatcher.ResponseData['headers'];

  constructor(raw: Dispatcher.ResponseData['headers']) {
    this.#raw = raw;
  }

  get(name: string): string | null {
    const value = this.#raw[name.toLowerCase()];
    return value === undefined ? null : Array.isArray(value) ? value.join(', ') : value;
  }

  has(name: string): boolean {
    return this.#raw[name.toLowerCase()] !== undefined;
  }

  *entries(): IterableIterator<[string, string]> {
    for (const name of Object.keys(this.#raw)) yield [name, this.get(name) ?? ''];
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this.entries()) yield value;
  }

  forEach(visit: (value: string, name: string) => void): void {
    for (const [name, value] of this.entries()) visit(value, name);
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }
}

const ignore = () => {};

class ThinResponse {
  readonly url: string;
  readonly status: number;
  readonly ok: boolean;
  readonly statusText = '';
  readonly redirected = false;
  readonly type = 'basic';
  readonly headers: ThinHeaders;
  /** One object for the life of the response: Anthropic's SDK stops aborting the call once it has been collected. */
  readonly body: ThinBody;
  readonly #stream: Dispatcher.ResponseData['body'];

  constructor(url: string, { statusCode, headers, body }: Dispatcher.ResponseData) {
    this.url = url;
    this.status = statusCode;
    this.ok = statusCode >= 200 && statusCode < 300;
    this.headers = new ThinHeaders(headers);
    this.body = new ThinBody(body, this.ok);
    this.#stream = body;
    // a call can be aborted before anything reads the body, and an unhandled 'error' event ends the process
    body.on('error', ignore);
  }

  get bodyUsed(): boolean {
    return this.#stream.bodyUsed;
  }

  text(): Promise<string> {
    return this.#stream.text();
  }

  json(): Promise<unknown> {
    return this.#stream.json();
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#stream.arrayBuffer();
  }

  bytes(): Promise<Uint8Array> {
    return this.#stream.bytes();
  }

  blob(): Promise<Blob> {
    return this.#stream.blob();
  }
}

/** Largest error document that is read to its end so that the connection can be reused. */
const DUMP_LIMIT_BYTES = 131_072;

/**
 * The bytes of a response. Before a retry the SDKs cancel a body by calling `return()` on an iterator that never
 * started. Node's own iterator ignores that call, which would occupy the connection for ever.
 */
class ThinBody implements AsyncIterable<Uint8Array> {
  readonly #stream: Dispatcher.ResponseData['body'];
  readonly #ok: boolean;

  constructor(stream: Dispatcher.ResponseData['body'], ok: boolean) {
    this.#stream = stream;
    this.#ok = ok;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    const chunks: AsyncIterator<Uint8Array> = this.#stream[Symbol.asyncIterator]();
    let started = false;
    return {
      next: () => {
        started = true;
        return chunks.next();
      },
      return: async () => {
        if (started) await chunks.return?.();
        await this.cancel();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** Frees the connection: reads the rest of an error document, closes on a success, which may never end. */
  async cancel(): Promise<void> {
    if (this.#stream.destroyed || this.#stream.readableEnded) return;
    if (this.#ok) this.#stream.destroy();
    else await this.#stream.dump({ limit: DUMP_LIMIT_BYTES }).catch(ignore);
  }

  getReader(): {
    read: () => Promise<IteratorResult<Uint8Array>>;
    cancel: () => Promise<void>;
    releaseLock: () => void;
  } {
    const chunks = this[Symbol.asyncIterator]();
    return { read: () => chunks.next(), cancel: () => this.cancel(), releaseLock: ignore };
  }
}
