/** Classifies failures that pass through a vendor's SDK, which wraps, shortens and renames them. */
import type { Fetch } from '#libs/http/undici-fetch.ts';
import { notJson, ProviderError } from './domain/provider-error.ts';
import { errorFromNetwork } from './network-errors.ts';
import type { SdkCall } from './sdk-call.ts';
import { errorFromStatus } from './status-errors.ts';

/**
 * A `fetch` that reads a failed response itself and throws its ProviderError. Each SDK keeps a different part of an error
 * document; here, an error is classified from the complete document.
 *
 * @param requestIdHeader the header in which the provider returns its id of the call.
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

/** Unwraps an error of an SDK. An unexplained error of a call that was sent counts as a broken connection. */
export function errorFromSdk(thrown: unknown, call: SdkCall): ProviderError {
  const reason = call.reason();
  if (reason !== undefined) return reason;
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (error instanceof ProviderError) return error;
    if (error instanceof SyntaxError) return notJson(thrown);
  }
  return errorFromNetwork(thrown, call.wasSent());
}
