/** What one account may take of the memory and the connections of all. */
export type FetchShares = {
  /** @returns the share of one request; undefined while too many of the account fetch. */
  readonly begin: (accountId: string) => FetchShare | undefined;
};

export type FetchShare = {
  /** @returns whether the bytes fit; if so, they are taken until the release. */
  readonly take: (bytes: number) => boolean;
  /** The request has what it needs. */
  readonly fetched: () => void;
  readonly release: () => void;
};

/** Requests of an account that fetch at the same time. */
const MAX_FETCHING = 32;

/** @param totalBytes of all accounts; one has at most half of them. */
export function createFetchShares(totalBytes: number): FetchShares {
  let taken = 0;
  const accounts = new Map<string, { bytes: number; fetching: number; requests: number }>();
  return {
    begin(accountId) {
      const account = accounts.get(accountId) ?? { bytes: 0, fetching: 0, requests: 0 };
      if (account.fetching === MAX_FETCHING) return undefined;
      accounts.set(accountId, account);
      account.fetching += 1;
      account.requests += 1;
      let own = 0;
      let isReleased = false;
      return {
        take(bytes) {
          const fits = account.bytes + bytes <= totalBytes / 2 && taken + bytes <= totalBytes;
          if (isReleased || !fits) return false;
          taken += bytes;
          account.bytes += bytes;
          own += bytes;
          return true;
        },
        fetched() {
          account.fetching -= 1;
        },
        release() {
          isReleased = true;
          taken -= own;
          account.bytes -= own;
          account.requests -= 1;
          if (account.requests === 0) accounts.delete(accountId);
        },
      };
    },
  };
}
