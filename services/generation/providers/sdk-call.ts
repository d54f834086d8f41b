import type { CallContext } from './domain/provider-adapter.ts';
import { followSending } from './sent-requests.ts';
import { startTimeLimit, type TimeLimit } from './time-limit.ts';

/** The time limit of one call through an SDK, and whether the call was sent. */
export type SdkCall = TimeLimit & { readonly wasSent: () => boolean };

/**
 * Begins a call. Its {@link SdkCall.release} must always be called.
 *
 * @param signal ends the call; by default the signal of the context.
 */
export function startSdkCall(context: CallContext, signal: AbortSignal = context.signal): SdkCall {
  const limit = startTimeLimit(signal, context.timeoutMs);
  const stopFollowing = followSending(context);
  return {
    ...limit,
    wasSent: () => context.trace.isInFlight,
    release() {
      limit.release();
      stopFollowing();
    },
  };
}
