/**
 * Compares the ledger with the external witness, and with itself. Pure: independent of the ledger's code and SQL, with its
 * own pricing of tokens.
 */
import type { CounterRecord, HoldRecord, LedgerState, UsageRow } from './ledger-state.ts';
import type { TokenCounts, WitnessedCall } from './witness.ts';

/** Pico-USD per token, by class. */
export type TokenPrices = { readonly [K in keyof TokenCounts]: bigint };

export type Evidence = {
  ledgerState: LedgerState;
  /** Every call that the provider served for these requests. */
  calls: readonly WitnessedCall[];
  /** Requests whose complete response reached the client. */
  answered: ReadonlySet<string>;
  pricesOf: (provider: string, model: string) => TokenPrices;
  /** Limits that were lowered or moved on purpose, whose counters may exceed them. */
  mayExceed?: (counter: CounterRecord) => boolean;
};

/** A provider call that a crash cut off: served, never settled, never answered. */
export type CutCall = { holdId: string; callIndex: number; complete: boolean; tokens: TokenCounts };

export type Comparison = {
  /** Sentences. Any difference fails the proof. */
  differences: string[];
  cut: CutCall[];
  /** Rows of calls that ended early, whose usage is Inkmeter's own count. */
  partialRows: number;
  /** Calls that the provider answered, including those cut off. */
  providerCalls: number;
  usedNanoUsd: bigint;
  heldAfter: bigint;
};

const PICO_PER_NANO = 1_000n;
const nameOf = (holdId: string, callIndex: number) => `${holdId}/${callIndex}`;

export function compare(evidence: Evidence): Comparison {
  const { ledgerState, calls } = evidence;
  const differences: string[] = [];
  const holds = new Map(ledgerState.holds.map((hold) => [hold.id, hold]));
  const rows = new Map(ledgerState.rows.map((row) => [nameOf(row.holdId, row.callIndex), row]));
  if (rows.size !== ledgerState.rows.length) differences.push('a call is in the ledger twice');
  const served = servedCalls(calls, holds, differences);
  const arrived = new Set(calls.map(({ correlation }) => correlation));

  for (const [name, row] of rows) {
    if (!arrived.has(name) && isCharged(row) && !isEndedWhileSent(row))
      differences.push(`${name} is charged, but the provider never saw it`);
    else compareRow(name, row, served.get(name), evidence, differences);
  }
  const cut = findCut(served, rows, holds, evidence.answered, differences);
  const counters = new Map(ledgerState.counters.map((counter) => [counter.id, counter]));
  for (const hold of ledgerState.holds) checkHold(hold, counters, differences);
  for (const counter of ledgerState.counters) {
    checkCounter(counter, ledgerState.rows, evidence.mayExceed?.(counter) ?? false, differences);
  }
  checkAnswered(evidence, holds, rows, differences);
  return {
    differences,
    cut,
    partialRows: ledgerState.rows.filter(({ usageSource }) => usageSource !== 'provider').length,
    providerCalls: served.size,
    usedNanoUsd: sum(ledgerState.rows.map(({ costNanoUsd }) => costNanoUsd)),
    heldAfter: sum(ledgerState.counters.map(({ held }) => (held < 0n ? -held : held))),
  };
}

/** Provider responses, complete or partial, by call. */
function servedCalls(
  calls: readonly WitnessedCall[],
  holds: ReadonlyMap<string, HoldRecord>,
  differences: string[],
): Map<string, WitnessedCall> {
  const served = new Map<string, WitnessedCall>();
  for (const call of calls) {
    const name = call.correlation ?? '';
    const hold = holds.get(name.split('/')[0] ?? '');
    if (hold === undefined) differences.push(`the provider was called without a hold (${name || 'unnamed'})`);
    else if (hold.state === 'refused')
      differences.push(`the provider was called for the refused request ${name}`);
    // A refused or failed attempt costs nothing and is repeated under the same name.
    if (call.status !== 200) continue;
    if (served.has(name)) differences.push(`the provider served ${name} twice`);
    served.set(name, call);
  }
  return served;
}

function compareRow(
  name: string,
  row: UsageRow,
  call: WitnessedCall | undefined,
  { pricesOf }: Evidence,
  differences: string[],
): void {
  if (row.usageSource === 'provider') {
    if (call === undefined) differences.push(`${name}: figures of a provider that never answered`);
    else compareTokens(name, row, call, differences);
  } else if (call?.complete && row.status === 'ok') {
    differences.push(`${name}: the provider said what it served, but the ledger says ${row.usageSource}`);
  }
  const cost = priceTokens(row.tokens, pricesOf(row.provider, row.model));
  if (row.costNanoUsd !== cost)
    differences.push(`${name}: ${row.costNanoUsd} nano-USD booked, worth ${cost}`);
  if ((row.amounts.get('cost') ?? 0n) !== row.costNanoUsd)
    differences.push(`${name}: its cost is not what it moved`);
  if ((row.amounts.get('tokens.total') ?? 0n) !== BigInt(totalOf(row.tokens))) {
    differences.push(`${name}: its tokens are not what it moved`);
  }
}

function compareTokens(name: string, row: UsageRow, call: WitnessedCall, differences: string[]): void {
  if (row.provider !== call.provider) {
    differences.push(`${name}: booked for ${row.provider}, served by ${call.provider}`);
  }
  for (const key of Object.keys(row.tokens) as (keyof TokenCounts)[]) {
    if (row.tokens[key] !== call.tokens[key]) {
      differences.push(`${name}: ${row.tokens[key]} ${key} tokens booked, ${call.tokens[key]} served`);
    }
  }
}

/** Aborted while it was sent: Inkmeter cannot know whether the provider has begun. */
const isEndedWhileSent = ({ status, usageSource, tokens }: UsageRow) =>
  status === 'aborted' && usageSource === 'estimated' && tokens.output + tokens.reasoning === 0;

const isCharged = ({ tokens, costNanoUsd }: UsageRow) => totalOf(tokens) > 0 || costNanoUsd > 0n;

/** Calls without a row: possible only after a crash before the settlement, and without a response to the client. */
function findCut(
  served: ReadonlyMap<string, WitnessedCall>,
  rows: ReadonlyMap<string, UsageRow>,
  holds: ReadonlyMap<string, HoldRecord>,
  answered: ReadonlySet<string>,
  differences: string[],
): CutCall[] {
  const cut: CutCall[] = [];
  for (const [name, { complete, tokens }] of served) {
    if (rows.has(name)) continue;
    const [holdId = '', index] = name.split('/');
    const hold = holds.get(holdId);
    if (answered.has(holdId)) differences.push(`${name} was served and answered, but is not in the ledger`);
    else if (hold?.state !== 'expired') {
      differences.push(
        `${name} was served, but is not in the ledger, and its hold is ${hold?.state ?? 'missing'}`,
      );
    }
    cut.push({ holdId, callIndex: Number(index), complete, tokens });
  }
  return cut;
}

function checkHold(
  hold: HoldRecord,
  counters: ReadonlyMap<bigint, CounterRecord>,
  differences: string[],
): void {
  if (hold.state === 'open') differences.push(`hold ${hold.id} is still open`);
  if (hold.remaining.some((amount) => amount !== 0n))
    differences.push(`hold ${hold.id} is over and holds something`);
  if (hold.state === 'refused') return;
  for (const { counterId, used, held, amount } of hold.seen) {
    const counter = counters.get(counterId);
    const asked = hold.asked[hold.meters.indexOf(counter?.meter ?? '')] ?? 0n;
    if (amount === null || counter?.onLimit !== 'deny' || asked === 0n) continue;
    if (used + held + asked > amount) {
      differences.push(
        `hold ${hold.id} took ${asked} of ${counter.meter} when ${used} were used, ${held} held, of ${amount}`,
      );
    }
  }
}

function checkCounter(
  counter: CounterRecord,
  allRows: readonly UsageRow[],
  mayExceed: boolean,
  differences: string[],
): void {
  const label = `${counter.meter} a ${counter.window} of ${counter.scope} ${counter.scopeId || counter.accountId}`;
  const rows = allRows.filter((row) => isCounted(row, counter));
  const booked = sum(rows.map(({ amounts }) => amounts.get(counter.meter) ?? 0n));
  if (counter.used !== booked) differences.push(`${label}: used ${counter.used}, usage rows ${booked}`);
  if (counter.held !== 0n) differences.push(`${label}: ${counter.held} still held`);
  const { kind, onLimit, amount, used } = counter;
  const isBound = kind === 'n' && onLimit === 'deny' && !mayExceed;
  if (isBound && amount !== null && used > amount && !rows.some(({ late, overrun }) => late || overrun)) {
    differences.push(`${label}: used ${counter.used} of ${counter.amount}`);
  }
}

/** A window counts the calls that were admitted in it. */
function isCounted(row: UsageRow, { accountId, scope, scopeId, startMs, endMs }: CounterRecord): boolean {
  const admittedMs = row.admittedAt.getTime();
  if (row.accountId !== accountId || admittedMs < startMs || admittedMs >= endMs) return false;
  if (scope === 'user') return row.userId === scopeId;
  if (scope === 'key') return row.keyId === scopeId;
  return scope === 'account';
}

/** Every complete response has been charged. */
function checkAnswered(
  { answered }: Evidence,
  holds: ReadonlyMap<string, HoldRecord>,
  rows: ReadonlyMap<string, UsageRow>,
  differences: string[],
): void {
  const paid = new Set([...rows.values()].map(({ holdId }) => holdId));
  for (const id of answered) {
    if (!paid.has(id)) differences.push(`request ${id} was answered and never charged`);
    else if (holds.get(id)?.state === 'refused')
      differences.push(`request ${id} was answered, though refused`);
  }
}

/** Rounded up once, over the whole call. */
export function priceTokens(tokens: TokenCounts, prices: TokenPrices): bigint {
  let pico = 0n;
  for (const key of Object.keys(tokens) as (keyof TokenCounts)[]) pico += BigInt(tokens[key]) * prices[key];
  return (pico + PICO_PER_NANO - 1n) / PICO_PER_NANO;
}

export function totalOf(tokens: TokenCounts): number {
  return Object.values(tokens).reduce((total, count) => total + count, 0);
}

const sum = (amounts: readonly bigint[]) => amounts.reduce((total, amount) => total + amount, 0n);
