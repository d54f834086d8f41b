import type { FetchInit } from '#libs/http/undici-fetch.ts';
import { CALL_ID_HEADER, type CallContext } from './domain/provider-adapter.ts';
import type { TimeLimit } from './time-limit.ts';

/** The SDK's own timer must never fire first: ours distinguishes a timeout from a cancellation. */
const SDK_TIMEOUT_MARGIN_MS = 60_000;

/**
 * Options of one call through the SDK of OpenAI or Anthropic. The signal is passed twice: the SDK may stop listening to
 * its own, so `fetchOptions` carries it to our `fetch`, which destroys the socket.
 */
export function sdkRequestOptions({ timeoutMs, callId }: CallContext, { signal }: TimeLimit) {
  const fetchOptions: Omit<FetchInit, 'body' | 'headers' | 'method' | 'signal'> = { endSignal: signal };
  return {
    signal,
    fetchOptions,
    timeout: timeoutMs + SDK_TIMEOUT_MARGIN_MS,
    headers: { [CALL_ID_HEADER]: callId },
  };
}
