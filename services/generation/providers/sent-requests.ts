/** Follows which calls were sent. The SDKs do not report it, but undici and the platform's `fetch` publish each request. */
import { subscribe } from 'node:diagnostics_channel';
import { CALL_ID_HEADER, type CallContext, type CallTrace } from './domain/provider-adapter.ts';

const followed = new Map<string, Set<CallTrace>>();

/**
 * Sets `trace.isInFlight` to false until the request of this call is written to a connection. A call whose connection
 * could not be made was not sent.
 *
 * @returns a function that stops following the call.
 */
export function followSending({ callId, trace }: Pick<CallContext, 'callId' | 'trace'>): () => void {
  trace.isInFlight = false;
  const traces = followed.get(callId) ?? new Set();
  followed.set(callId, traces.add(trace));
  return () => {
    traces.delete(trace);
    if (traces.size === 0 && followed.get(callId) === traces) followed.delete(callId);
  };
}

/** Published just before the headers of a request are written. `headers`: names and values alternate. */
type SendingRequest = { request: { headers: readonly (string | readonly string[])[] } };

subscribe('undici:client:sendHeaders', (message) => {
  if (followed.size === 0) return;
  const { headers } = (message as SendingRequest).request;
  const callId = headers[headers.indexOf(CALL_ID_HEADER) + 1];
  for (const trace of followed.get(String(callId)) ?? []) trace.isInFlight = true;
});
