import type { ActiveRequest, ActiveStop, EndReason } from '../../requests/domain/active-requests.ts';
import type { CallRecord } from './call-record.ts';

/** Ends one call: with its request, or after its client left, as soon as its cost is known. */
export type CallEnding = {
  readonly signal: AbortSignal;
  /** Why the call was ended, or why its result is not needed; null if neither. */
  readonly reason: () => EndReason | null;
  /** The emergency stop that ended it, if one did. */
  readonly stop: () => ActiveStop | null;
  /** Stops following the request. Must be called when the call has ended. */
  readonly release: () => void;
};

/**
 * When the client leaves, a call whose output can be counted is ended. Any other is drained: it runs on until it can be
 * counted, is complete, or is ended with its request.
 *
 * @param onDrain called when the client leaves and the call is not ended.
 */
export function followRequest(active: ActiveRequest, record: CallRecord, onDrain: () => void): CallEnding {
  const controller = new AbortController();
  const end = () => controller.abort();
  const stopFollowingEnd = active.onEnded(end);
  const stopFollowingClient = active.onAbandoned(() => {
    if (record.isCountable) return end();
    onDrain();
    record.onPiece = () => {
      if (record.isCountable) end();
    };
  });
  return {
    signal: controller.signal,
    reason: () => active.reason() ?? (active.isAbandoned() ? 'client_gone' : null),
    stop: active.stop,
    release() {
      stopFollowingEnd();
      stopFollowingClient();
    },
  };
}
