/**
 * Compares the ledger with the external witness, and with itself. Pure: independent of the ledger's code and SQL, with its
 * own pricing of tokens.
 */
import { compareLimits } from './compare-limits.ts';
import { correctedRows, isCorrection } from './corrections.ts';
import type { CounterRecord, DailySum, HoldRecord, LedgerState, UsageRow } from './ledger-state.ts';
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
  /** Output tokens that may still be unread in the socket when a call is aborted. */
  unreadTokens?: number;
  /** Limits that were lowered or moved on purpose, whose counters may exceed them. */
  mayExceed?: (counter: CounterRecord) => boolean;
};

export type Comparison = {
  /** Sentences. Any difference fails the proof. */
  differences: string[];
  /** Rows of calls that ended early, whose usage is Inkmeter's own count. */
  partialRows: number;
  /** Rows of calls with an unknown outcome, such as those that a crash cut off. */
  boundRows: number;
  /** Calls that the provider answered. */
  providerCalls: number;
  usedNanoUsd: bigint;
  heldAfter: bigint;
};

const PICO_PER_NANO = 1_000n;
/** A request with this step is one call, so its hold is the bound of that call. */
const ONE_CALL_STEP = 'chat';
const nameOf = (holdId: string, callIndex: number) => `${holdId}/${callIndex}`;

export function compare(evidence: Evidence): Comparison {
  const { ledgerState, calls } = evidence;
  const differences: string[] = [];
  const holds = new Map(ledgerState.holds.map((hold) => [hold.id, hold]));
  const recorded = new Set(ledgerState.rows.map((row) => nameOf(row.holdId, row.callIndex)));
  if (recorded.size !== ledgerState.rows.length) differences.push('a call is in the ledger twice');
  const calledRows = correctedRows(ledgerState.rows, differences);
  const rows = new Map(calledRows.map((row) => [nameOf(row.holdId, row.callIndex), row]));
  const served = servedCalls(calls, holds, differences);
  const arrived = new Set(calls.map(({ correlation }) => correlation));

  for (const [name, row] of rows) {
    if (!arrived.has(name) && isCharged(row) && !isEndedWhileSent(row))
      differences.push(`${name} is charged, but the provider never saw it`);
    else compareRow(name, row, served.get(name), evidence, differences);
  }
  checkServed(served, rows, holds, differences);
  const rowsOfHolds = Map.groupBy(ledgerState.rows, ({ holdId }) => holdId);
  for (const hold of ledgerState.holds) checkHold(hold, rowsOfHolds.get(hold.id) ?? [], differences);
  differences.push(...compareLimits(ledgerState, evidence.mayExceed ?? (() => false)));
  checkDailySums(calledRows, ledgerState.dailySums, differences);
  checkAnswered(evidence, holds, rows, differences);
  return {
    differences,
    partialRows: countSources(calledRows, ['counted', 'estimated']),
    boundRows: countSources(calledRows, ['bound']),
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
  { pricesOf, unreadTokens = 0 }: Evidence,
  differences: string[],
): void {
  const prices = pricesOf(row.provider, row.model);
  if (row.usageSource === 'provider') {
    if (call === undefined) differences.push(`${name}: figures of a provider that never answered`);
    else compareTokens(name, row, call, differences);
  } else if (call !== undefined) {
    const unread = row.status === 'aborted' && row.usageSource !== 'bound' ? BigInt(unreadTokens) : 0n;
    const least = priceTokens(call.tokens, prices) - (unread * prices.output) / PICO_PER_NANO;
    if (row.costNanoUsd < least)
      differences.push(
        `${name}: ${row.costNanoUsd} nano-USD ${row.usageSource}, at least ${least} were served`,
      );
    if (call.complete && call.reportsUsage && row.status === 'ok' && row.usageSource !== 'bound')
      differences.push(`${name}: the provider said what it served, but the ledger says ${row.usageSource}`);
  }
  if (row.overrun && call?.usageMode !== 'more')
    differences.push(`${name}: used more than was held, although the provider kept to the request`);
  const cost = priceTokens(row.tokens, prices);
  // A bound takes the highest price that its tokens can have.
  if (row.usageSource === 'bound' ? row.costNanoUsd < cost : row.costNanoUsd !== cost)
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

/** Ended while it was sent: Inkmeter cannot know whether the provider has begun. */
const isEndedWhileSent = ({ status, usageSource, tokens }: UsageRow) =>
  (status !== 'ok' && usageSource === 'bound') ||
  (status === 'aborted' && usageSource === 'estimated' && tokens.output + tokens.reasoning === 0);

const isCharged = ({ tokens, costNanoUsd }: UsageRow) => totalOf(tokens) > 0 || costNanoUsd > 0n;

/** Every served call has a row, also when its process was killed: its expired hold books it. */
function checkServed(
  served: ReadonlyMap<string, WitnessedCall>,
  rows: ReadonlyMap<string, UsageRow>,
  holds: ReadonlyMap<string, HoldRecord>,
  differences: string[],
): void {
  for (const name of served.keys()) {
    if (rows.has(name)) continue;
    const hold = holds.get(name.split('/')[0] ?? '');
    differences.push(
      `${name} was served, but is not in the ledger, and its hold is ${hold?.state ?? 'missing'}`,
    );
  }
}

function countSources(rows: readonly UsageRow[], sources: readonly UsageRow['usageSource'][]): number {
  return rows.filter(({ usageSource }) => sources.includes(usageSource)).length;
}

/** A meter that holds have and calls never move. */
const RUNNING_REQUESTS = 'requests.parallel';

/** The rows of a hold against what it asked for and when it ended. */
function checkHold(hold: HoldRecord, rows: readonly UsageRow[], differences: string[]): void {
  const { id, state, asked, endedUs } = hold;
  if (state === 'open') differences.push(`hold ${id} is still open`);
  if (hold.remaining.some((amount) => amount !== 0n))
    differences.push(`hold ${id} is over and holds something`);
  for (const row of rows) {
    const name = nameOf(id, row.callIndex);
    if (endedUs !== null && (row.late ? row.occurredUs < endedUs : row.occurredUs > endedUs))
      differences.push(`${name}: late is ${row.late}, which its hold contradicts`);
    if (row.usageSource !== 'bound' || row.step !== ONE_CALL_STEP) continue;
    for (const [meter, amount] of asked) {
      if (meter === RUNNING_REQUESTS) continue;
      const moved = row.amounts.get(meter) ?? 0n;
      if (moved < amount) differences.push(`${name}: ${moved} of ${meter} at its bound, ${amount} were held`);
    }
  }
  const onTime = rows.filter((row) => !row.late && !isCorrection(row));
  const isBeyond = [...new Set(onTime.flatMap(({ amounts }) => [...amounts.keys()]))].some(
    (meter) => sum(onTime.map(({ amounts }) => amounts.get(meter) ?? 0n)) > (asked.get(meter) ?? 0n),
  );
  if (onTime.some(({ overrun }) => overrun) !== isBeyond)
    differences.push(`hold ${id}: overrun is ${!isBeyond}, which its amounts contradict`);
}

const DAY_US = 86_400_000_000n;

/** The daily sums against the rows of each day, in every column. */
function checkDailySums(
  rows: readonly UsageRow[],
  dailySums: readonly DailySum[],
  differences: string[],
): void {
  const expected = new Map<string, string>();
  const groups = Map.groupBy(rows, (row) => {
    const day = new Date(Number((row.admittedUs / DAY_US) * DAY_US) / 1_000).toISOString().slice(0, 10);
    return dayKey({ ...row, day });
  });
  for (const [key, group] of groups) {
    const tokens = (name: keyof TokenCounts) => sum(group.map((row) => BigInt(row.tokens[name])));
    expected.set(
      key,
      dayFigures({
        calls: BigInt(group.length),
        errors: BigInt(group.filter(({ status }) => status !== 'ok').length),
        tokens: {
          input: tokens('input'),
          cacheRead: tokens('cacheRead'),
          cacheWrite: tokens('cacheWrite'),
          output: tokens('output'),
          reasoning: tokens('reasoning'),
        },
        costNanoUsd: sum(group.map(({ costNanoUsd }) => costNanoUsd)),
        latencyMs: sum(group.map(({ latencyMs }) => BigInt(latencyMs))),
      }),
    );
  }
  const stored = new Map(dailySums.map((daily) => [dayKey(daily), dayFigures(daily)]));
  for (const key of new Set([...expected.keys(), ...stored.keys()])) {
    const [inRows, inSums] = [expected.get(key) ?? 'nothing', stored.get(key) ?? 'nothing'];
    if (inRows !== inSums) differences.push(`daily sum of ${key}: ${inSums}, usage rows ${inRows}`);
  }
}

type DayKey = Pick<
  DailySum,
  'accountId' | 'day' | 'userId' | 'keyId' | 'workspaceId' | 'step' | 'provider' | 'model'
>;

const dayKey = ({ accountId, day, userId, keyId, workspaceId, step, provider, model }: DayKey) =>
  `${accountId} on ${day}, user ${userId ?? 'none'}, key ${keyId ?? 'none'}, workspace ${workspaceId ?? 'none'}, ${step} by ${provider}/${model}`;

const dayFigures = ({
  calls,
  errors,
  tokens,
  costNanoUsd,
  latencyMs,
}: Pick<DailySum, 'calls' | 'errors' | 'tokens' | 'costNanoUsd' | 'latencyMs'>) =>
  `${calls} calls, ${errors} errors, ${costNanoUsd} nano-USD, ${latencyMs} ms, tokens ${Object.values(tokens).join('/')}`;

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
