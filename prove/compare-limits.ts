/**
 * Checks every limit against an independent sum: what holds asked for and usage rows moved, in the order of their times.
 * What the ledger recorded about its own balances is only compared with it.
 */
import { isCorrection } from './corrections.ts';
import type { CounterRecord, HoldRecord, LedgerState, UsageRow } from './ledger-state.ts';

type Admitted = Pick<HoldRecord, 'accountId' | 'userId' | 'keyId' | 'workspaceId'>;

const BPS = 10_000n;

/** @returns a sentence for each difference. */
export function compareLimits(state: LedgerState, mayExceed: (counter: CounterRecord) => boolean): string[] {
  const events = Map.groupBy(state.events, ({ counterId }) => counterId);
  return countEach(state).flatMap((counted) => {
    const { counter } = counted;
    return [
      ...checkBalance(counted),
      ...(mayExceed(counter)
        ? []
        : [
            ...checkAdmissions(counted),
            ...checkLimit(counted),
            ...checkThresholds(
              counted,
              (events.get(counter.id) ?? []).map(({ thresholdBps }) => thresholdBps),
            ),
          ]),
    ];
  });
}

/** A limit in one window, with the admitted holds and the rows that count in it. */
export type Counted = { counter: CounterRecord; label: string; holds: HoldRecord[]; rows: UsageRow[] };

/** Every counter with what counts in it. */
export function countEach(state: LedgerState): Counted[] {
  const holds = Map.groupBy(
    state.holds.filter((hold) => hold.state !== 'refused'),
    ({ accountId }) => accountId,
  );
  const rows = Map.groupBy(state.rows, ({ accountId }) => accountId);
  return state.counters.map((counter) => ({
    counter,
    label: `${counter.meter} a ${counter.window} of ${counter.scope} ${counter.scopeId || counter.accountId}`,
    holds: (holds.get(counter.accountId) ?? []).filter(
      (hold) => isInScope(hold, counter) && isInWindow(hold.createdUs, counter),
    ),
    rows: (rows.get(counter.accountId) ?? []).filter(
      (row) => isInScope(row, counter) && isInWindow(row.admittedUs, counter),
    ),
  }));
}

function isInScope({ userId, keyId, workspaceId }: Admitted, { scope, scopeId }: CounterRecord): boolean {
  if (scope === 'account') return true;
  return { user: userId, key: keyId, workspace: workspaceId }[scope] === scopeId;
}

/** A window counts what was admitted in it. */
const isInWindow = (timeUs: bigint, { startMs, endMs }: CounterRecord) =>
  Number(timeUs) >= startMs * 1_000 && Number(timeUs) < endMs * 1_000;

const isBound = ({ kind, onLimit }: CounterRecord) => kind === 'n' && onLimit === 'deny';

function checkBalance(counted: Counted): string[] {
  const { counter, label } = counted;
  return [...checkUsed(counted), ...(counter.held === 0n ? [] : [`${label}: ${counter.held} still held`])];
}

/** `used` is the sum of the usage rows. */
export function checkUsed({ counter, label, rows }: Counted): string[] {
  const booked = sum(rows.map((row) => movedBy(row, counter)));
  return counter.used === booked ? [] : [`${label}: used ${counter.used}, usage rows ${booked}`];
}

/**
 * What is used and held after each admission, added up from the facts. At one instant, settlements of earlier holds come
 * first: the order inside it is unknown, and this one never accuses a correct ledger.
 */
function checkAdmissions({ counter, label, holds, rows }: Counted): string[] {
  const { amount, meter } = counter;
  if (!isBound(counter) || amount === null) return [];
  const held = new Map<string, bigint>();
  const admissionUs = new Map(holds.map(({ id, createdUs }) => [id, createdUs]));
  let used = 0n;
  let heldNow = 0n;
  const hold = (id: string, change: bigint) => {
    held.set(id, (held.get(id) ?? 0n) + change);
    heldNow += change;
  };
  const steps = [
    ...holds.map(({ id, createdUs, asked }) => ({
      timeUs: createdUs,
      rank: 2,
      run: (): string[] => {
        const amountAsked = asked.get(meter) ?? 0n;
        hold(id, amountAsked);
        if (amountAsked === 0n || used + heldNow <= amount) return [];
        return [
          `${label}: hold ${id} took ${amountAsked} when ${used} were used, ${heldNow - amountAsked} held, of ${amount}`,
        ];
      },
    })),
    ...rows.map((row) => ({
      timeUs: row.occurredUs,
      rank: admissionUs.get(row.holdId) === row.occurredUs ? 3 : 0,
      run: (): string[] => {
        const moved = movedBy(row, counter);
        const rest = held.get(row.holdId) ?? 0n;
        used += moved;
        if (moved > 0n && !isCorrection(row)) hold(row.holdId, moved < rest ? -moved : -rest);
        return [];
      },
    })),
    ...holds.map(({ id, createdUs, endedUs }) => ({
      timeUs: endedUs ?? createdUs,
      // After its rows of that instant.
      rank: (endedUs ?? createdUs) === createdUs ? 4 : 1,
      run: (): string[] => {
        hold(id, -(held.get(id) ?? 0n));
        return [];
      },
    })),
  ];
  steps.sort((left, right) => Number(left.timeUs - right.timeUs) || left.rank - right.rank);
  return steps.flatMap(({ run }) => run()).slice(0, 1);
}

/** Only what settled or was corrected late, or beyond its hold, may be above a limit. */
function checkLimit({ counter, label, holds, rows }: Counted): string[] {
  const { amount, used, meter } = counter;
  if (!isBound(counter) || amount === null || used <= amount) return [];
  const byHold = Map.groupBy(rows, ({ holdId }) => holdId);
  const excused = holds.map(({ id, asked }) => {
    const own = byHold.get(id) ?? [];
    const late = sum(
      own
        .filter((row) => row.late)
        .map((row) => movedBy(row, counter))
        .filter((moved) => moved > 0n),
    );
    const onTime = sum(
      own.filter((row) => !row.late && !isCorrection(row)).map((row) => movedBy(row, counter)),
    );
    const beyond = onTime - (asked.get(meter) ?? 0n);
    return late + (beyond > 0n ? beyond : 0n);
  });
  if (used - amount <= sum(excused)) return [];
  return [`${label}: used ${used} of ${amount}, and late or overrun calls explain ${sum(excused)} of it`];
}

/**
 * The highest threshold reached has its event, and no event is above it; a jump skips the lower ones. An event stays when
 * a correction takes back what reached it.
 */
function checkThresholds({ counter, label, rows }: Counted, events: readonly number[]): string[] {
  const { kind, amount, used, thresholdBps } = counter;
  if (kind !== 'n' || amount === null || amount === 0n) return [];
  const highestAt = (most: bigint) =>
    Math.max(0, ...thresholdBps.filter((bps) => most * BPS >= amount * BigInt(bps)));
  const highest = highestAt(used);
  const takenBack = sum(
    rows.filter(isCorrection).map((row) => (movedBy(row, counter) < 0n ? -movedBy(row, counter) : 0n)),
  );
  const differences: string[] = [];
  if (highest > 0 && !events.includes(highest))
    differences.push(`${label}: no event at ${highest}, with ${used} used of ${amount}`);
  if (new Set(events).size !== events.length) differences.push(`${label}: a threshold has two events`);
  const early = events.filter((bps) => bps > highestAt(used + takenBack));
  if (early.length > 0)
    differences.push(`${label}: events at ${early.join(', ')}, with ${used} used of ${amount}`);
  return differences;
}

const movedBy = ({ amounts }: UsageRow, { meter }: CounterRecord) => amounts.get(meter) ?? 0n;

export const sum = (amounts: readonly bigint[]) => amounts.reduce((total, amount) => total + amount, 0n);
