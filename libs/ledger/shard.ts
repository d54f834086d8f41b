/** How many shards there are. Fixed for ever: rows carry their shard. */
export const SHARD_COUNT = 64;

/** The shard of an account: the low six bits of its id, which are random in every UUID version in use. */
export function shardOf(accountId: string): number {
  return Number.parseInt(accountId.slice(-2), 16) % SHARD_COUNT;
}
