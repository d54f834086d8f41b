/**
 * Group commit: callers that arrive while a statement is in flight go together in the next one, so that one
 * round trip and one flush of the log serve them all. No caller waits for a timer; each waits for the
 * commit that holds its own item.
 */
export type GroupCommitOptions<Item, Answer> = {
  /** Runs one batch; answers in the order of the items. A rejection rejects every item of the batch. */
  run: (items: Item[]) => Promise<(Answer | Promise<Answer>)[]>;
  /**
   * Whether a batch failed, without effect, because of what is in it. It is then halved and run again, so that an item
   * that cannot be done fails alone. None by default.
   */
  isItemsFault?: (error: unknown) => boolean;
  /** Items with equal keys never share a batch. */
  key: (item: Item) => string;
  maxBatch: number;
  /** Beyond this many waiting items, new ones are refused with {@link GroupCommitOverloadedError}. */
  maxWaiting: number;
};

export class GroupCommitOverloadedError extends Error {
  override name = 'GroupCommitOverloadedError';
}

type Waiting<Item, Answer> = {
  item: Item;
  key: string;
  resolve: (answer: Answer | Promise<Answer>) => void;
  reject: (error: unknown) => void;
};

export type GroupCommit<Item, Answer> = {
  submit: (item: Item) => Promise<Answer>;
  /** How many items wait for a batch to come. */
  waiting: () => number;
  /** Resolves when nothing is waiting or in flight. */
  idle: () => Promise<void>;
};

export function createGroupCommit<Item, Answer>(
  options: GroupCommitOptions<Item, Answer>,
): GroupCommit<Item, Answer> {
  let waiting: Waiting<Item, Answer>[] = [];
  let inFlight = false;
  const idleWaiters: (() => void)[] = [];

  /** Takes the next batch in order of arrival; repeated keys stay for the one after. */
  function takeBatch(): Waiting<Item, Answer>[] {
    const batch: Waiting<Item, Answer>[] = [];
    const keys = new Set<string>();
    const left: Waiting<Item, Answer>[] = [];
    for (const entry of waiting) {
      if (batch.length < options.maxBatch && !keys.has(entry.key)) {
        keys.add(entry.key);
        batch.push(entry);
      } else {
        left.push(entry);
      }
    }
    waiting = left;
    return batch;
  }

  async function run(batch: Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await options.run(batch.map((entry) => entry.item));
      for (const [index, entry] of batch.entries()) entry.resolve(answers[index] as Answer | Promise<Answer>);
    } catch (error) {
      if (batch.length > 1 && options.isItemsFault?.(error)) {
        const middle = batch.length >> 1;
        await run(batch.slice(0, middle));
        await run(batch.slice(middle));
      } else {
        for (const entry of batch) entry.reject(error);
      }
    }
  }

  async function drain(): Promise<void> {
    while (waiting.length > 0) await run(takeBatch());
    inFlight = false;
    for (const wake of idleWaiters.splice(0)) wake();
  }

  return {
    submit(item) {
      if (waiting.length >= options.maxWaiting) {
        return Promise.reject(
          new GroupCommitOverloadedError('too many operations are waiting for the ledger'),
        );
      }
      return new Promise<Answer>((resolve, reject) => {
        waiting.push({ item, key: options.key(item), resolve, reject });
        if (inFlight) return;
        inFlight = true;
        // Callers of the same turn of the event loop belong in the same statement.
        setImmediate(() => void drain());
      });
    },
    waiting: () => waiting.length,
    idle() {
      if (!inFlight) return Promise.resolve();
      return new Promise((resolve) => idleWaiters.push(resolve));
    },
  };
}
