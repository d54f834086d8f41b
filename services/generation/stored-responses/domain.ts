import type { StoredResponse } from '#libs/contracts/stored-response.ts';
import type { Logger } from '#libs/service/logger.ts';

/** A complete response as the client receives it. */
export type CompleteResponse = { status: number; headers: Record<string, string>; body: Buffer };

/**
 * Finds what became of a request whose process died before it stored a response; undefined for a request that is not of
 * its kind.
 */
export type RecoverResponse = (requestId: string, accountId: string) => Promise<StoredResponse | undefined>;

/** How stored responses are persisted. */
export type StoredResponseStore = {
  /** @returns false if the request is known already. */
  readonly begin: (requestId: string, accountId: string) => Promise<boolean>;
  readonly finish: (requestId: string, response: CompleteResponse) => Promise<void>;
  readonly abandon: (requestId: string) => Promise<void>;
  readonly renewLeases: (requestIds: readonly string[]) => Promise<void>;
};

/** Longer responses are not stored. The gateway has the same limit. */
export const MAX_STORED_BYTES = 4 * 1024 * 1024;

/** Where one request stores its response. */
export type StoredResponseSlot = {
  /** Stores the response unless it is too long. Never throws: the calls must be settled in any case. */
  readonly store: (response: CompleteResponse) => Promise<void>;
  /** Ends the request. Without a stored response, it can be run again. */
  readonly release: () => Promise<void>;
};

export type StoredResponses = {
  /** Undefined if the request is known already: it is running elsewhere, or has been answered. */
  readonly begin: (requestId: string, accountId: string) => Promise<StoredResponseSlot | undefined>;
  /** Renews the leases of all requests in progress. */
  readonly renew: () => Promise<void>;
};

export function createStoredResponses(store: StoredResponseStore, logger: Logger): StoredResponses {
  const inProgress = new Set<string>();
  return {
    async begin(requestId, accountId) {
      if (!(await store.begin(requestId, accountId))) return undefined;
      inProgress.add(requestId);
      let isStored = false;
      return {
        async store(response) {
          if (response.body.length > MAX_STORED_BYTES) return;
          try {
            await store.finish(requestId, response);
            isStored = true;
          } catch (error) {
            logger.error({ err: error, request: requestId }, 'storing a response failed');
          }
        },
        async release() {
          inProgress.delete(requestId);
          if (isStored) return;
          await store.abandon(requestId).catch((error: unknown) => {
            logger.warn({ err: error, request: requestId }, 'abandoning a stored response failed');
          });
        },
      };
    },
    renew: () => store.renewLeases([...inProgress]),
  };
}
