import { Readable } from 'node:stream';
import { LRUCache } from 'lru-cache';
import type { FileSource } from '#libs/contracts/file-source.ts';
import { CALL_ID_HEADER, type CallContext } from './domain/provider-adapter.ts';
import type { ProviderRequest } from './exchange.ts';

/** Where a vendor's API is, and how calls identify themselves. */
export type Endpoint = {
  baseUrl: string;
  /** Names and values in turn, with our key. */
  headers: readonly string[];
  /** The header in which the vendor returns its id of a call. */
  requestIdHeader: string;
};

const REQUEST_ID_HEADER = 'x-request-id';

/** An API with a bearer token. */
export function bearerEndpoint({ baseUrl, apiKey }: { baseUrl: string; apiKey: string }): Endpoint {
  return { baseUrl, headers: ['authorization', `Bearer ${apiKey}`], requestIdHeader: REQUEST_ID_HEADER };
}

type Target = { origin: string; path: string };

/** Parsing a URL takes longer than all else of a request, and there are few: one for each model at most. */
const targets = new LRUCache<string, Target>({ max: 1_000 });

function targetOf(url: string): Target {
  let target = targets.get(url);
  if (target === undefined) {
    const { origin, pathname, search } = new URL(url);
    target = { origin, path: pathname + search };
    targets.set(url, target);
  }
  return target;
}

/** A POST below the endpoint's base URL. The trace learns its size. */
export function postTo(
  endpoint: Endpoint,
  sent: { path: string; body: string | Buffer | FileSource; contentType?: string; accept?: string },
  { callId, traceparent, trace }: CallContext,
): ProviderRequest {
  const { path, body, contentType = 'application/json', accept = 'application/json' } = sent;
  const isStream = typeof body === 'object' && 'read' in body;
  trace.requestBytes = isStream ? body.size : Buffer.byteLength(body);
  return {
    ...targetOf(`${endpoint.baseUrl}${path}`),
    headers: [
      ...endpoint.headers,
      ...['content-type', contentType, 'accept', accept, CALL_ID_HEADER, callId],
      ...(traceparent === undefined ? [] : ['traceparent', traceparent]),
      ...(isStream ? ['content-length', String(body.size)] : []),
    ],
    body: isStream ? Readable.from(body.read(), { objectMode: false }) : body,
    requestIdHeader: endpoint.requestIdHeader,
  };
}
