/** How failures come through a vendor's SDK, which wraps, shortens and renames them. */
import type { Fetch } from '#libs/http/undici-fetch.ts';
import { notJson, ProviderError } from './domain/provider-error.ts';
import { errorFromNetwork } from './network-errors.ts';
import { errorFromStatus } from './status-errors.ts';
import type { TimeLimit } from './time-limit.ts';

/**
 * A `fetch` that reads a failed answer itself and throws what it means. The SDKs keep only part of an error document,
 * and not the same part; thrown here, an error is classified from what really arrived.
 *
 * @param requestIdHeader where this provider names a call.
 */
export function throwFailedAnswers(fetch: Fetch, requestIdHeader: string): Fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (response.ok) return response;
    throw errorFromStatus({
      status: response.status,
      body: parseJson(await response.text().catch(() => '')),
      header: (name) => response.headers.get(name),
      providerRequestId: response.headers.get(requestIdHeader),
    });
  };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What an SDK threw, unwrapped. What nothing else explains is taken for a broken connection. */
export function errorFromSdk(thrown: unknown, limit: TimeLimit): ProviderError {
  const reason = limit.reason();
  if (reason !== undefined) return reason;
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (error instanceof ProviderError) return error;
    if (error instanceof SyntaxError) return notJson(thrown);
  }
  return errorFromNetwork(thrown);
}
