/** Corrections of calls that were recorded at their bound, because their outcome was unknown. */
import { parseInstant } from './instant.ts';
import { lockAccounts, type Member, parseAmounts, parseNames, type Session } from './load.ts';
import { moveUsed } from './record.ts';
import { shardOf } from './shard.ts';
import type { Program, Row } from './two-step.ts';
import type { CallFacts, Meters, SettleRequest } from './types.ts';
import { insertUsage, type UsageRow } from './write.ts';

/** The meters and facts of the whole call, as it would have been settled. */
export type CorrectRequest = Omit<SettleRequest, 'close'>;

/**
 * - `corrected`: the call now counts with the given figures.
 * - `repeated`: it has been corrected before, or was not recorded at its bound; nothing changed.
 * - `unknown_call`: the account has no such call.
 */
export type CorrectOutcome = 'corrected' | 'repeated' | 'unknown_call';

/** The call, its correction if it has one, and whether its hold is open. */
const CALL_SQL = `
  SELECT e.call_index, e.user_id, e.key_id, e.workspace_id, e.admitted_at, e.step, e.provider, e.model, e.endpoint, e.status,
         e.usage_source, e.input_tokens, e.cache_read_tokens, e.cache_write_tokens, e.output_tokens, e.reasoning_tokens,
         e.other_classes, e.other_amounts, e.input_cost_nano_usd, e.output_cost_nano_usd, e.price_version,
         e.provider_request_id, e.meters, e.amounts,
         EXISTS (SELECT FROM ledger_open_holds o WHERE o.shard = d.shard AND o.id = d.id)
    FROM ledger_decisions d
    JOIN usage_events e ON e.account_id = d.account_id AND e.admitted_at = d.created_at AND e.hold_id = d.id
                       AND e.call_index IN ($4::smallint, $5::smallint) AND e.shard = d.shard
   WHERE d.shard = $1::smallint AND d.id = $2::uuid AND d.account_id = $3::uuid
   ORDER BY e.call_index DESC`;

/**
 * Adds the difference between a call's bound and its true figures as a usage row of its own, and moves `used` of every
 * window in which the call counted. Locks the account, so that of concurrent corrections one takes effect.
 */
export function* correctProgram(session: Session, request: CorrectRequest): Program<CorrectOutcome> {
  const { holdId, accountId, callIndex } = request;
  const indexes = [String(callIndex), String(correctionIndex(callIndex))];
  const values = [String(shardOf(accountId)), holdId, accountId, ...indexes];
  const loaded = yield* lockAccounts(session, [accountId], {
    after: [{ name: 'ledger_call', text: CALL_SQL, values }],
  });
  const [row, correction] = loaded.after[0] as Row[];
  if (row === undefined || Number(row[0]) !== callIndex) return { writes: [], result: 'unknown_call' };
  const call = toCall(row);
  if (call.facts.usageSource !== 'bound' || correction !== undefined)
    return { writes: [], result: 'repeated' };

  const meters = changes(call.meters, request.meters);
  const { admittedAt, member } = call;
  const moves = yield* moveUsed(loaded, { ...member, id: holdId, accountId, createdAt: admittedAt }, meters);
  const rows: UsageRow[] = [
    {
      ...{ accountId, holdId, callIndex: correctionIndex(callIndex), member, admittedAt, meters },
      ...{ occurredAt: loaded.now, late: !call.isOpen, overrun: false, corrects: call.facts.status },
      facts: difference(call.facts, request.facts),
    },
  ];
  return { writes: [insertUsage(rows), ...moves], result: 'corrected' };
}

type Call = { member: Member; admittedAt: number; isOpen: boolean; facts: CallFacts; meters: Meters };

/** @param row a row of `CALL_SQL`. */
function toCall(row: Row): Call {
  const [
    ,
    userId = null,
    keyId = null,
    workspaceId = null,
    admittedAt,
    step,
    provider,
    model,
    endpoint,
    status,
  ] = row;
  const [usageSource, input, cacheRead, cacheWrite, output, reasoning, otherClasses, otherAmounts] =
    row.slice(10);
  const [inputCost, outputCost, priceVersion, providerRequestId = null, meters, amounts, isOpen] =
    row.slice(18);
  const texts = { step, provider, model, endpoint, status, usageSource, priceVersion };
  return {
    member: { userId, keyId, workspaceId },
    admittedAt: parseInstant(admittedAt as string),
    isOpen: isOpen === 't',
    meters: toMeters(meters as string, amounts as string),
    facts: {
      ...NO_WORK,
      ...(texts as Pick<CallFacts, keyof typeof texts>),
      errorCode: null,
      inputTokens: toCount(input),
      cacheReadTokens: toCount(cacheRead),
      cacheWriteTokens: toCount(cacheWrite),
      outputTokens: toCount(output),
      reasoningTokens: toCount(reasoning),
      otherUnits: toUnits(toMeters(otherClasses as string, otherAmounts as string)),
      inputCostNanoUsd: BigInt(inputCost as string),
      outputCostNanoUsd: BigInt(outputCost as string),
      providerRequestId,
    },
  };
}

const NO_WORK = { latencyMs: 0, firstByteMs: null, attempts: 0, requestBytes: 0, responseBytes: 0 };

const toCount = (text: string | null | undefined) =>
  text === null || text === undefined ? undefined : Number(text);

function toMeters(names: string, amounts: string): Meters {
  const values = parseAmounts(amounts);
  return Object.fromEntries(parseNames(names).map((name, index) => [name, values[index] ?? 0n]));
}

const toUnits = (meters: Meters): Record<string, number> =>
  Object.fromEntries(Object.entries(meters).map(([name, amount]) => [name, Number(amount)]));

/** The facts of the correction's row: what the call is now, with the differences of all figures. */
function difference(before: CallFacts, after: CallFacts): CallFacts {
  const units = (facts: CallFacts) =>
    Object.fromEntries(Object.entries(facts.otherUnits).map(([name, n]) => [name, BigInt(n)]));
  return {
    ...before,
    status: after.status,
    errorCode: after.errorCode,
    usageSource: after.usageSource,
    inputTokens: change(before.inputTokens, after.inputTokens),
    cacheReadTokens: change(before.cacheReadTokens, after.cacheReadTokens),
    cacheWriteTokens: change(before.cacheWriteTokens, after.cacheWriteTokens),
    outputTokens: change(before.outputTokens, after.outputTokens),
    reasoningTokens: change(before.reasoningTokens, after.reasoningTokens),
    otherUnits: toUnits(changes(units(before), units(after))),
    inputCostNanoUsd: after.inputCostNanoUsd - before.inputCostNanoUsd,
    outputCostNanoUsd: after.outputCostNanoUsd - before.outputCostNanoUsd,
    providerRequestId: after.providerRequestId ?? before.providerRequestId,
  };
}

/** Undefined is unknown; a change is unknown only if both amounts are. */
function change(before: number | undefined, after: number | undefined): number | undefined {
  return before === undefined && after === undefined ? undefined : (after ?? 0) - (before ?? 0);
}

/** The changes by name, in the order of the names; names whose amount stays are left out. */
function changes(before: Meters, after: Meters): Meters {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return Object.fromEntries(
    names
      .map((name) => [name, (after[name] ?? 0n) - (before[name] ?? 0n)] as const)
      .filter(([, amount]) => amount !== 0n),
  );
}

/** The index of the usage row that corrects a call. */
export const correctionIndex = (callIndex: number): number => -1 - callIndex;
