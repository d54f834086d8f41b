/** How many lanes there are. Fixed for ever: rows carry their lane. */
export const LANE_COUNT = 64;

/** The lane of an account: the low six bits of its id, which are random in every UUID version in use. */
export function laneOf(accountId: string): number {
  return Number.parseInt(accountId.slice(-2), 16) % LANE_COUNT;
}
