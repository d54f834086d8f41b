import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';

/** What the vendors' SDKs take as their `fetch`. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/**
 * A `fetch` for the OpenAI and Anthropic SDKs straight on undici's request API. The platform's `fetch` spends most of
 * its time on WHATWG streams that those SDKs do not need: one `openai` call costs 340 µs of CPU on it and 120 µs on
 * this.
 *
 * The answer offers what the SDKs read of a `Response` and no more: `status`, `ok`, `headers`, `url`, `body` as an async
 * iterable of bytes, and `text`, `json`, `arrayBuffer`, `bytes`, `blob`. Redirects are not followed, and `clone` is
 * missing.
 *
 * @param dispatcher a pool or agent; aborting `init.signal` destroys the socket of the call.
 */
export function fetchFromUndici(dispatcher: Dispatcher): Fetch {
  const fetch: Fetch = async (input, init = {}) => {
    if (input instanceof Request)
      throw new TypeError('Give the URL as a string; Request objects are not supported');
    const { origin, pathname, search, href } = new URL(input);
    const { headers, body } = await encode(init);
    const answer = await dispatcher.request({
      origin,
      path: pathname + search,
      method: (init.method ?? 'GET') as Dispatcher.HttpMethod,
      headers,
      body,
      ...(init.signal ? { signal: init.signal } : {}),
    });
    return new ThinResponse(href, answer) as unknown as Response;
  };
  // before an upload, the SDKs ask here whether the platform's forms are understood; else they fetch a data: URL
  return Object.assign(fetch, { Response });
}

type UndiciHeaders = NonNullable<Dispatcher.RequestOptions['headers']> | null;
type UndiciBody = NonNullable<Dispatcher.RequestOptions['body']> | null;

async function encode({ headers, body }: RequestInit): Promise<{ headers: UndiciHeaders; body: UndiciBody }> {
  // undici reads a Headers object or a record as it is, but an array as names and values in turn
  const given = (Array.isArray(headers) ? new Headers(headers) : (headers ?? null)) as UndiciHeaders;
  if (body === undefined || body === null || typeof body === 'string' || body instanceof Uint8Array) {
    return { headers: given, body: body ?? null };
  }
  if (body instanceof ReadableStream || Symbol.asyncIterator in body) {
    return { headers: given, body: body as unknown as Readable };
  }
  // forms and blobs: the platform knows how to write them, and which content type they then have
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
  readonly #body: Dispatcher.ResponseData['body'];

  constructor(url: string, answer: Dispatcher.ResponseData) {
    this.url = url;
    this.status = answer.statusCode;
    this.ok = answer.statusCode >= 200 && answer.statusCode < 300;
    this.headers = new ThinHeaders(answer.headers);
    this.#body = answer.body;
    // a call can be aborted while nobody reads, and an 'error' without a listener ends the process
    answer.body.on('error', ignore);
  }

  get body(): ThinBody {
    return new ThinBody(this.#body, this.ok);
  }

  get bodyUsed(): boolean {
    return this.#body.bodyUsed;
  }

  text(): Promise<string> {
    return this.#body.text();
  }

  json(): Promise<unknown> {
    return this.#body.json();
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#body.arrayBuffer();
  }

  bytes(): Promise<Uint8Array> {
    return this.#body.bytes();
  }

  blob(): Promise<Blob> {
    return this.#body.blob();
  }
}

/** Largest error document worth reading to its end for the sake of keeping the connection. */
const DUMP_LIMIT_BYTES = 131_072;

/**
 * The bytes of an answer. Before a retry the SDKs cancel a body by calling `return()` on an iterator that never
 * started, which does nothing on Node's own: the connection would stay occupied for good.
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

  /** Gives the connection back: by reading the rest of an error, by closing on an answer that may never end. */
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
