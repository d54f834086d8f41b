import type { Listener } from '#libs/db/listen.ts';
import { CHANGES_CHANNEL, parseChange } from '#libs/db/notify.ts';

/** Called when a job has new events or was cancelled. The status is undefined if notifications may have been missed. */
export type JobListener = (status: string | undefined) => void;

/** Passes notifications of jobs to those who run or read them in this process. */
export type JobHub = {
  readonly start: () => Promise<void>;
  readonly stop: () => void;
  /** @returns a function that ends the subscription. */
  readonly subscribe: (generationId: string, listener: JobListener) => () => void;
};

export function createJobHub(listener: Listener): JobHub {
  const subscriptions = new Map<string, Set<JobListener>>();
  let unlisten = () => {};

  function onNotify(payload: string): void {
    const change = parseChange(payload);
    if (change?.kind !== 'generation') return;
    for (const notify of subscriptions.get(change.id) ?? []) notify(change.status);
  }

  return {
    async start() {
      unlisten = await listener.listen(
        [CHANGES_CHANNEL],
        (_channel, payload) => onNotify(payload),
        () => {
          for (const set of subscriptions.values()) for (const notify of set) notify(undefined);
        },
      );
    },
    stop: () => unlisten(),
    subscribe(generationId, notify) {
      const set = subscriptions.get(generationId) ?? new Set();
      subscriptions.set(generationId, set.add(notify));
      return () => {
        set.delete(notify);
        if (set.size === 0) subscriptions.delete(generationId);
      };
    },
  };
}
