/** What has changed between two readings of an account's limits, and which stops concern it. */
import type { LimitReading } from '#libs/contracts/limits.ts';
import type { StopWire } from '#libs/contracts/usage-stream.ts';
import type { Stop } from '#libs/ledger/types.ts';

export type StateChange = { limit: LimitReading; previous: LimitReading['state'] };
export type LimitChanges = { limits: LimitReading[]; states: StateChange[] };

/** Names a limit, in any of its windows. */
export const limitKey = ({ meter, window, scope, scopeId }: LimitReading): string =>
  `${meter} ${window} ${scope} ${scopeId}`;

/** A limit in a new window has changed; its state counts as `ok` before. A limit that is gone is not mentioned. */
export function changesBetween(
  before: readonly LimitReading[],
  after: readonly LimitReading[],
): LimitChanges {
  const known = new Map(before.map((limit) => [limitKey(limit), limit]));
  const changes: LimitChanges = { limits: [], states: [] };
  for (const limit of after) {
    const previous = known.get(limitKey(limit));
    if (previous !== undefined && isSame(previous, limit)) continue;
    changes.limits.push(limit);
    if (previous !== undefined && previous.state !== limit.state)
      changes.states.push({ limit, previous: previous.state });
  }
  return changes;
}

function isSame(one: LimitReading, other: LimitReading): boolean {
  return (
    one.used === other.used &&
    one.held === other.held &&
    one.kind === other.kind &&
    one.amount === other.amount &&
    one.state === other.state &&
    one.source === other.source &&
    one.resetsAt?.getTime() === other.resetsAt?.getTime()
  );
}

/** When the first of the limits resets; null if none does. */
export function firstReset(limits: readonly LimitReading[]): number | null {
  const times = limits.flatMap(({ resetsAt }) => (resetsAt === null ? [] : [resetsAt.getTime()]));
  return times.length === 0 ? null : Math.min(...times);
}

/** An emergency stop, and what callers may read about it. */
export type StopInForce = Pick<Stop, 'kind' | 'target'> & {
  publicReason: string | null;
  expectedUntil: Date | null;
};

/** Stops of accounts and keys concern those only; all others concern everyone. */
export function stopsFor(
  stops: readonly StopInForce[],
  { accountId, keyId }: { accountId: string; keyId: string | null },
): StopInForce[] {
  return stops.filter(({ kind, target }) => {
    if (kind === 'account') return target === accountId;
    return kind !== 'key' || target === keyId;
  });
}

export function stopToWire({ kind, target, publicReason, expectedUntil }: StopInForce): StopWire {
  return {
    stop: kind === 'global' ? kind : `${kind}:${target}`,
    public_reason: publicReason,
    expected_until: expectedUntil?.toISOString() ?? null,
  };
}
