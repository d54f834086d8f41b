/**
 * HTTP requests to addresses that customers choose. They reach only the public internet: every connection is checked at
 * the address it goes to, for literals in every notation and for every address of a name, and again after it is made.
 */
import { lookup as resolveName } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { isPublicAddress } from './public-address.ts';
import { readRetryAfterMs } from './retry-after.ts';

export type PublicHttpFailure =
  | 'invalid_url'
  | 'blocked_address'
  | 'unreachable'
  | 'timeout'
  | 'too_large'
  | 'too_many_redirects';

/** A request that was refused or failed before its response was complete. The message names no address. */
export class PublicHttpError extends Error {
  override readonly name = 'PublicHttpError';
  readonly code: PublicHttpFailure;

  constructor(code: PublicHttpFailure, options?: ErrorOptions) {
    super(MESSAGES[code], options);
    this.code = code;
  }
}

const MESSAGES: Readonly<Record<PublicHttpFailure, string>> = {
  invalid_url: 'The URL must be an http or https URL without credentials.',
  blocked_address: 'The URL is not on the public internet.',
  unreachable: 'The server could not be reached.',
  timeout: 'The server did not answer in time.',
  too_large: 'The response is too large.',
  too_many_redirects: 'The server redirects too often.',
};

export type PublicHttpRequest = {
  url: string;
  /** GET unless given. */
  method?: 'GET' | 'POST';
  headers?: Readonly<Record<string, string>>;
  body?: string | Buffer;
  /** Redirects that are followed; 0 unless given, so that a redirect is the response. */
  maxRedirects?: number;
  /** The largest response body in bytes, after decompression. */
  maxBytes: number;
  /** For everything: resolution, connection, redirects and the body. */
  timeoutMs: number;
  signal?: AbortSignal;
  /** Called with the size of each piece of the body, as it arrives. */
  onBytes?: (bytes: number) => void;
};

export type PublicHttpResponse = {
  /** After redirects. */
  url: string;
  status: number;
  headers: Dispatcher.ResponseData['headers'];
  body: Buffer;
};

export type PublicHttp = {
  /** @throws PublicHttpError; the reason of `signal` if it aborts. Any status is a response. */
  request: (request: PublicHttpRequest) => Promise<PublicHttpResponse>;
  close: () => Promise<void>;
};

type Resolve = (
  hostname: string,
  callback: (error: Error | null, addresses: { address: string; family: number }[]) => void,
) => void;

export type PublicHttpOptions = {
  /** Which addresses may be reached. Only a development or test environment needs another rule. */
  isAllowed?: (address: string) => boolean;
  resolve?: Resolve;
};

const CONNECT_TIMEOUT_MS = 5_000;
const KEEP_ALIVE_MS = 1_000;
const CONNECTIONS_PER_ORIGIN = 8;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const KEEPS_METHOD: ReadonlySet<number> = new Set([307, 308]);
/** Headers that another origin must not receive. */
const PRIVATE_HEADERS = /^(authorization|cookie|proxy-authorization)$/i;

const DECOMPRESSORS: Readonly<Record<string, () => NodeJS.ReadWriteStream & { destroy: () => void }>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/** Share one in a service: it holds the connections. */
export function createPublicHttp(options: PublicHttpOptions = {}): PublicHttp {
  const agent = new Agent({
    connect: checkedConnector(options),
    connections: CONNECTIONS_PER_ORIGIN,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
  });
  return {
    async request(request) {
      const deadline = AbortSignal.timeout(request.timeoutMs);
      const signal = request.signal ? AbortSignal.any([deadline, request.signal]) : deadline;
      try {
        return await follow(agent, request, signal);
      } catch (error) {
        request.signal?.throwIfAborted();
        if (deadline.aborted) throw new PublicHttpError('timeout', { cause: error });
        throw failureOf(error);
      }
    },
    close: () => agent.destroy(),
  };
}

/** The pause that a response asks for, in milliseconds; null if it does not. */
export function retryAfterOf({ headers }: Pick<PublicHttpResponse, 'headers'>): number | null {
  return readRetryAfterMs((name) => {
    const value = headers[name];
    return typeof value === 'string' ? value : null;
  });
}

/** The whole URL, normalised. @throws PublicHttpError `invalid_url`. */
export function parsePublicUrl(text: string, base?: string): URL {
  const url = URL.parse(text, base);
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (!isHttp || url.username !== '' || url.password !== '') throw new PublicHttpError('invalid_url');
  return url;
}

async function follow(
  agent: Agent,
  request: PublicHttpRequest,
  signal: AbortSignal,
): Promise<PublicHttpResponse> {
  let url = parsePublicUrl(request.url);
  let { method = 'GET', headers = {}, body = null as string | Buffer | null } = request;
  for (let redirects = 0; ; redirects += 1) {
    const response = await agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers: { 'accept-encoding': 'gzip, br', ...headers },
      body,
      signal,
    });
    const { statusCode: status, headers: received } = response;
    const { location } = received;
    const isRedirect = REDIRECTS.has(status) && typeof location === 'string';
    if (!isRedirect || request.maxRedirects === undefined || request.maxRedirects === 0) {
      return { url: url.href, status, headers: received, body: await readBody(response, request) };
    }
    response.body.on('error', () => undefined).destroy();
    if (redirects === request.maxRedirects) throw new PublicHttpError('too_many_redirects');
    const next = parsePublicUrl(location, url.href);
    if (next.origin !== url.origin) headers = withoutPrivate(headers);
    if (!KEEPS_METHOD.has(status)) [method, body] = ['GET', null];
    url = next;
  }
}

const withoutPrivate = (headers: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !PRIVATE_HEADERS.test(name)));

async function readBody(
  { headers, body }: Dispatcher.ResponseData,
  { maxBytes, onBytes }: PublicHttpRequest,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of decompressed(body, headers['content-encoding'])) {
    size += chunk.length;
    // Leaving the loop destroys the stream, and with it the connection.
    if (size > maxBytes) throw new PublicHttpError('too_large');
    onBytes?.(chunk.length);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function* decompressed(
  body: Readable,
  encoding: string | string[] | undefined,
): AsyncGenerator<Buffer> {
  const decompress = typeof encoding === 'string' ? DECOMPRESSORS[encoding.toLowerCase()] : undefined;
  if (decompress === undefined) {
    yield* body;
    return;
  }
  const stream = decompress();
  body.on('error', () => stream.destroy());
  try {
    yield* body.pipe(stream) as AsyncIterable<Buffer>;
  } finally {
    body.on('error', () => undefined).destroy();
    stream.destroy();
  }
}

/**
 * Node calls `lookup` for names only, never for addresses, so literals are checked first. The connection goes to the
 * addresses that were checked: there is no second resolution that could differ.
 */
function checkedConnector({
  isAllowed = isPublicAddress,
  resolve = (hostname, callback) => resolveName(hostname, { all: true, verbatim: true }, callback),
}: PublicHttpOptions): buildConnector.connector {
  const lookup: LookupFunction = (hostname, { all }, callback) => {
    resolve(hostname, (error, addresses) => {
      if (error !== null) return callback(error, '');
      const [first] = addresses;
      if (first === undefined || !addresses.every(({ address }) => isAllowed(address))) {
        return callback(new PublicHttpError('blocked_address'), '');
      }
      return all ? callback(null, addresses) : callback(null, first.address, first.family);
    });
  };
  const connect = buildConnector({ timeout: CONNECT_TIMEOUT_MS, lookup });
  return (target, callback) => {
    const literal = target.hostname.replace(/^\[(.*)\]$/, '$1');
    if (isIP(literal) !== 0 && !isAllowed(literal)) {
      return callback(new PublicHttpError('blocked_address'), null);
    }
    connect(target, (...result) => {
      const [error, socket] = result;
      if (error !== null || isAllowed(socket.remoteAddress ?? '')) return callback(...result);
      socket.destroy();
      callback(new PublicHttpError('blocked_address'), null);
    });
  };
}

function failureOf(error: unknown): PublicHttpError {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof PublicHttpError) return cause;
  }
  const isTimeout = error instanceof Error && 'code' in error && /TIMEOUT/.test(String(error.code));
  return new PublicHttpError(isTimeout ? 'timeout' : 'unreachable', { cause: error });
}
