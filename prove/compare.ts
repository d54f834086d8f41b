/**
 * Compares the books with the outside witness, and with themselves. Pure: it knows neither the ledger's code nor its
 * SQL, and prices tokens by itself.
 */
import type { Books, CounterRecord, HoldRecord, UsageRow } from './books.ts';
import type { TokenCounts, WitnessedCall } from './witness.ts';

/** Pico-USD per token, by class. */
export type TokenPrices = { readonly [K in keyof TokenCounts]: bigint };

export type Evidence = {
  books: Books;
  /** Every call that the provider served for requests of these books. */
  calls: readonly WitnessedCall[];
  /** Requests whose answer reached the client complete. */
  answered: ReadonlySet<string>;
  pricesOf: (provider: string, model: string) => TokenPrices;
  /** Limits that were lowered or moved on purpose, whose counters may stand above them. */
  mayExceed?: (counter: CounterRecord) => boolean;
};

/** A provider call that a crash cut off: served, never settled, never answered. */
export type CutCall = { holdId: string; callIndex: number; complete: boolean; tokens: TokenCounts };

export type Comparison = {
  /** Each a sentence. None, or the proof has failed. */
  differences: string[];
  cut: CutCall[];
  /** Rows of calls that ended early, whose figures are the product's own count. */
  partialRows: number;
  /** Calls that the provider answered, the cut ones included. */
  providerCalls: number;
  usedNanoUsd: bigint;
  heldAfter: bigint;
};

const PICO_PER_NANO = 1_000n;
const nameOf = (holdId: string, callIndex: number) => `${holdId}/${callIndex}`;

export function compare(evidence: Evidence): Comparison {
  const { books, calls } = evidence;
  const differences: string[] = [];
  const holds = new Map(books.holds.map((hold) => [hold.id, hold]));
  const rows = new Map(books.rows.map((row) => [nameOf(row.holdId, row.callIndex), row]));
  if (rows.size !== books.rows.length) differences.push('a call is in the books twice');
  const served = servedCalls(calls, holds, differences);
  const arrived = new Set(calls.map(({ correlation }) => correlation));

  for (const [name, row] of rows) {
    if (!arrived.has(name) && isCharged(row) && !isEndedWhileSent(row))
      differences.push(`${name} is charged, but the provider never saw it`);
    else compareRow(name, row, served.get(name), evidence, differences);
  }
  const cut = findCut(served, rows, holds, evidence.answered, differences);
  const counters = new Map(books.counters.map((counter) => [counter.id, counter]));
  for (const hold of books.holds) checkHold(hold, counters, differences);
  for (const counter of books.counters) {
    checkCounter(counter, books.rows, evidence.mayExceed?.(counter) ?? false, differences);
  }
  checkAnswered(evidence, holds, rows, differences);
  return {
    differences,
    cut,
    partialRows: books.rows.filter(({ usageSource }) => usageSource !== 'provider').length,
    providerCalls: served.size,
    usedNanoUsd: sum(books.rows.map(({ costNanoUsd }) => costNanoUsd)),
    heldAfter: sum(books.counters.map(({ held }) => (held < 0n ? -held : held))),
  };
}

/** What the provider answered or began to answer, by the call it was for. */
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
    // An attempt that was refused or failed is repeated under the same name, and costs nothing.
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
    differences.push(`${name}: the provider said what it served, but the books say ${row.usageSource}`);
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

/** Ended by us in the moment of being sent: nobody on our side can know whether the provider has begun. */
const isEndedWhileSent = ({ status, usageSource, tokens }: UsageRow) =>
  status === 'aborted' && usageSource === 'estimated' && tokens.output + tokens.reasoning === 0;

const isCharged = ({ tokens, costNanoUsd }: UsageRow) => totalOf(tokens) > 0 || costNanoUsd > 0n;

/** Calls without a row: only a crash between the provider and the books may leave them, and nobody may have an answer. */
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
    if (answered.has(holdId)) differences.push(`${name} was served and answered, but is not in the books`);
    else if (hold?.state !== 'expired') {
      differences.push(
        `${name} was served, but is not in the books, and its hold is ${hold?.state ?? 'missing'}`,
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

/** Windows count a call where it was admitted. */
function isCounted(row: UsageRow, { accountId, scope, scopeId, startMs, endMs }: CounterRecord): boolean {
  const admittedMs = row.admittedAt.getTime();
  if (row.accountId !== accountId || admittedMs < startMs || admittedMs >= endMs) return false;
  if (scope === 'user') return row.userId === scopeId;
  if (scope === 'key') return row.keyId === scopeId;
  return scope === 'account';
}

/** Whoever got a complete answer has paid for it. */
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
