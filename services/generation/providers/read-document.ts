import type { Dispatcher } from 'undici';
import type { CallContext } from './domain/provider-adapter.ts';
import { notJson } from './domain/provider-error.ts';
import { exchange, type ProviderRequest } from './exchange.ts';
import { isObject, type JsonObject, parseJson } from './json.ts';
import { errorFromDocument, reportsError } from './status-errors.ts';
import { startTimeLimit } from './time-limit.ts';

/** Larger than any text that a model can write. */
export const MAX_ANSWER_BYTES = 33_554_432;

const BYTE_ORDER_MARK = Buffer.from('\ufeff');

/** Sends a request whose answer is one JSON document. @throws ProviderError, also for an error that came with status 200. */
export async function fetchDocument(
  dispatcher: Dispatcher,
  request: ProviderRequest,
  context: CallContext,
  maxBytes = MAX_ANSWER_BYTES,
): Promise<{ document: JsonObject; bytes: Buffer }> {
  const bytes = withoutMark(await fetchBytes(dispatcher, request, context, maxBytes));
  return {
    document: checkDocument(parseJson(bytes.toString('utf8')), context.trace.providerRequestId),
    bytes,
  };
}

/** Sends a request whose answer may be anything. @throws ProviderError */
export async function fetchBytes(
  dispatcher: Dispatcher,
  request: ProviderRequest,
  { signal, timeoutMs, trace }: CallContext,
  maxBytes = MAX_ANSWER_BYTES,
): Promise<Buffer> {
  const limit = startTimeLimit(signal, { timeoutMs });
  const chunks: Buffer[] = [];
  const onData = (chunk: Buffer) => {
    chunks.push(chunk);
    return undefined;
  };
  try {
    await exchange(dispatcher, request, limit, trace, { onData, maxBytes });
  } finally {
    limit.release();
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

/** Without a byte-order mark, which JSON does not allow. */
function withoutMark(bytes: Buffer): Buffer {
  return bytes.subarray(0, 3).equals(BYTE_ORDER_MARK) ? bytes.subarray(3) : bytes;
}

/** @throws ProviderError `malformed` unless it is an object, or the error that it reports. */
export function checkDocument(document: unknown, providerRequestId: string | null): JsonObject {
  if (!isObject(document)) throw notJson();
  if (reportsError(document)) throw errorFromDocument(document, providerRequestId);
  return document;
}
