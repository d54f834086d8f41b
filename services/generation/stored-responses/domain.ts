import type { Logger } from '#libs/service/logger.ts';

/** An answer as it goes to a client. */
export type CompleteAnswer = { status: number; headers: Record<string, string>; body: Buffer };

/** Where answers are kept for clients that may ask again. */
export type AnswerStore = {
  readonly begin: (requestId: string, accountId: string) => Promise<boolean>;
  readonly finish: (requestId: string, answer: CompleteAnswer) => Promise<void>;
  readonly abandon: (requestId: string) => Promise<void>;
  readonly renew: (requestIds: readonly string[]) => Promise<void>;
};

/** Longer answers cannot be repeated. The gateway draws the same line. */
export const MAX_STORED_BYTES = 4 * 1024 * 1024;

/** The answer of one request, on its way to being kept. */
export type StoredResponseSlot = {
  /** Stores the answer, if it is not too long. Never throws: the work is done and must be settled anyway. */
  readonly keep: (answer: CompleteAnswer) => Promise<void>;
  /** The request is over; without an answer it may be run again. */
  readonly release: () => Promise<void>;
};

export type StoredResponses = {
  /** Undefined where the request is known already: somebody else is at it, or it has been answered. */
  readonly begin: (requestId: string, accountId: string) => Promise<StoredResponseSlot | undefined>;
  /** Renews the leases of all requests in progress. */
  readonly renew: () => Promise<void>;
};

export function createStoredResponses(store: AnswerStore, logger: Logger): StoredResponses {
  const inProgress = new Set<string>();
  return {
    async begin(requestId, accountId) {
      if (!(await store.begin(requestId, accountId))) return undefined;
      inProgress.add(requestId);
      let isKept = false;
      return {
        async keep(answer) {
          if (answer.body.length > MAX_STORED_BYTES) return;
          try {
            await store.finish(requestId, answer);
            isKept = true;
          } catch (error) {
            logger.error({ err: error, request: requestId }, 'an answer could not be kept');
          }
        },
        async release() {
          inProgress.delete(requestId);
          if (isKept) return;
          await store.abandon(requestId).catch((error: unknown) => {
            logger.warn({ err: error, request: requestId }, 'a kept answer is left to its lease');
          });
        },
      };
    },
    renew: () => store.renew([...inProgress]),
  };
}
