/**
 * Keeps an account that another transaction has locked for long from delaying the other accounts of its batches: its
 * calls are set aside, and run by themselves once the account is free.
 */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

export type IsolateLockedOptions<Item, Answer> = {
  /** Runs one batch. Rejects with `lock_not_available`, without effect, when a lock takes too long. */
  run: (items: Item[]) => Promise<Answer[]>;
  /** Which of these accounts are locked now. */
  findLocked: (accountIds: string[]) => Promise<Set<string>>;
  /** How often accounts that were locked are tried again. */
  retryMs: number;
  /** How long a call waits for its account before it fails with the error of the lock. */
  maxWaitMs: number;
};

export type IsolateLocked<Item, Answer> = {
  /** Answers in the order of the items; the answer of a call that was set aside is still to come. */
  run: (items: Item[]) => Promise<(Answer | Promise<Answer>)[]>;
  /** Resolves when no call is set aside. */
  idle: () => Promise<void>;
};

type Waiting<Item, Answer> = {
  item: Item;
  until: number;
  error: unknown;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
};

const LOCK_NOT_AVAILABLE = '55P03';

export function isolateLocked<Item extends { accountId: string }, Answer>(
  options: IsolateLockedOptions<Item, Answer>,
): IsolateLocked<Item, Answer> {
  /** Calls that were set aside, by account, in order of arrival. */
  const waiting = new Map<string, Waiting<Item, Answer>[]>();
  let retrying: Promise<void> | undefined;

  function setAside(item: Item, error: unknown): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const entries = waiting.get(item.accountId) ?? [];
    waiting.set(item.accountId, entries);
    entries.push({ item, until: performance.now() + options.maxWaitMs, error, resolve, reject });
    retrying ??= retry().finally(() => {
      retrying = undefined;
    });
    return promise;
  }

  async function retry(): Promise<void> {
    while (waiting.size > 0) {
      await delay(options.retryMs);
      rejectExpired();
      const locked = await options.findLocked([...waiting.keys()]).catch(() => new Set(waiting.keys()));
      for (const accountId of [...waiting.keys()]) if (!locked.has(accountId)) await runAccount(accountId);
    }
  }

  function rejectExpired(): void {
    for (const [accountId, entries] of waiting) {
      while (entries[0] !== undefined && entries[0].until <= performance.now()) {
        const expired = entries.shift();
        expired?.reject(expired.error);
      }
      if (entries.length === 0) waiting.delete(accountId);
    }
  }

  /** One call at a time, so that a faulty one fails alone. */
  async function runAccount(accountId: string): Promise<void> {
    const entries = waiting.get(accountId) ?? [];
    for (let entry = entries[0]; entry !== undefined; entry = entries[0]) {
      try {
        const [answer] = await options.run([entry.item]);
        entry.resolve(answer as Answer);
      } catch (error) {
        if (isLockTimeout(error)) return;
        entry.reject(error);
      }
      entries.shift();
    }
    waiting.delete(accountId);
  }

  async function run(items: Item[]): Promise<(Answer | Promise<Answer>)[]> {
    const free = waiting.size === 0 ? items : items.filter(({ accountId }) => !waiting.has(accountId));
    if (free.length < items.length) {
      const error = new Error('another transaction has locked the account');
      const answers = free.length === 0 ? [] : await run(free);
      return items.map((item) => (free.includes(item) ? (answers.shift() as Answer) : setAside(item, error)));
    }
    try {
      return await options.run(items);
    } catch (failure) {
      if (!isLockTimeout(failure)) throw failure;
      const accountIds = [...new Set(items.map(({ accountId }) => accountId))];
      const locked = accountIds.length === 1 ? new Set(accountIds) : await options.findLocked(accountIds);
      const rest = items.filter(({ accountId }) => !locked.has(accountId));
      const answers = rest.length === 0 ? [] : await run(rest);
      return items.map((item) =>
        locked.has(item.accountId) ? setAside(item, failure) : (answers.shift() as Answer),
      );
    }
  }

  return {
    run,
    async idle() {
      while (retrying !== undefined) await retrying;
    },
  };
}

function isLockTimeout(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === LOCK_NOT_AVAILABLE;
}
