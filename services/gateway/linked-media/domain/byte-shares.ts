/** Bytes in memory, all accounts together. One account has at most half of them. */
export type ByteShares = {
  /** @returns whether the bytes fit; if so, they are taken. */
  readonly take: (accountId: string, bytes: number) => boolean;
  readonly give: (accountId: string, bytes: number) => void;
};

export function createByteShares(totalBytes: number): ByteShares {
  let taken = 0;
  const byAccount = new Map<string, number>();
  return {
    take(accountId, bytes) {
      const own = (byAccount.get(accountId) ?? 0) + bytes;
      if (own > totalBytes / 2 || taken + bytes > totalBytes) return false;
      taken += bytes;
      byAccount.set(accountId, own);
      return true;
    },
    give(accountId, bytes) {
      taken -= bytes;
      const own = (byAccount.get(accountId) ?? 0) - bytes;
      if (own > 0) byAccount.set(accountId, own);
      else byAccount.delete(accountId);
    },
  };
}
