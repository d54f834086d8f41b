/** Counts bytes against a fixed amount. */
export type BodyBudget = {
  /** @returns whether the bytes fit now, and nothing waits; if so, they are taken. */
  readonly take: (bytes: number) => boolean;
  /** Waits in turn until the bytes fit. */
  readonly wait: (bytes: number, timeoutMs: number) => Waiting;
  readonly give: (bytes: number) => void;
};

export type Waiting = {
  /** Resolves with whether the bytes were taken, or not in time. */
  readonly taken: Promise<boolean>;
  readonly cancel: () => void;
};

type Place = { readonly bytes: number; readonly resolve: (isTaken: boolean) => void };

/** A body alone always fits, also if it is larger than the budget. */
export function createBodyBudget(budgetBytes: number): BodyBudget {
  let taken = 0;
  const queue: Place[] = [];
  const fits = (bytes: number) => taken === 0 || taken + bytes <= budgetBytes;

  function admitNext(): void {
    for (let next = queue[0]; next !== undefined && fits(next.bytes); next = queue[0]) {
      queue.shift();
      taken += next.bytes;
      next.resolve(true);
    }
  }

  return {
    take(bytes) {
      if (queue.length > 0 || !fits(bytes)) return false;
      taken += bytes;
      return true;
    },
    wait(bytes, timeoutMs) {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const place = { bytes, resolve };
      queue.push(place);
      const cancel = () => {
        const position = queue.indexOf(place);
        if (position === -1) return;
        queue.splice(position, 1);
        resolve(false);
        admitNext();
      };
      const timer = setTimeout(cancel, timeoutMs).unref();
      void promise.then(() => clearTimeout(timer));
      return { taken: promise, cancel };
    },
    give(bytes) {
      taken -= bytes;
      admitNext();
    },
  };
}
