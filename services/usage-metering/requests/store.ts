import type { Pool } from 'pg';
import { NO_PROVIDER } from '#libs/ledger/quota-resources.ts';
import { SHARD_COUNT, shardOf } from '#libs/ledger/shard.ts';
import type { CallFilter, CallRecord } from './call-record.ts';
import type { CallPosition } from './cursor.ts';
import type { HoldRecord, Verdict } from './domain.ts';

export type RequestStore = {
  /** Calls after a position, newest first. */
  listCalls: (
    filter: CallFilter,
    after: CallPosition | null,
    limit: number,
  ) => Promise<(CallRecord & { position: CallPosition })[]>;
  /** A decision and its calls. Without an account it is looked for in all of them, which only staff may. */
  findRequest: (
    requestId: string,
    accountId: string | null,
  ) => Promise<{ hold: HoldRecord; calls: CallRecord[] } | undefined>;
};

type CallRow = {
  hold_id: string;
  call_index: number;
  admitted_at: Date;
  admitted_at_text: string;
  occurred_at: Date;
  user_id: string | null;
  key_id: string | null;
  step: string;
  provider: string;
  model: string;
  endpoint: string;
  status: CallRecord['status'];
  error_code: string | null;
  usage_source: CallRecord['usageSource'];
  late: boolean;
  overrun: boolean;
  input_tokens: number | null;
  cache_read_tokens: number | null;
  cache_write_tokens: number | null;
  output_tokens: number | null;
  reasoning_tokens: number | null;
  other_classes: string[];
  other_amounts: bigint[];
  input_cost_nano_usd: bigint;
  output_cost_nano_usd: bigint;
  cost_nano_usd: bigint;
  price_version: string;
  latency_ms: number;
  first_byte_ms: number | null;
  attempts: number;
  request_bytes: number;
  response_bytes: number;
  provider_request_id: string | null;
};

const CALL_COLUMNS = `
  hold_id, call_index, admitted_at, occurred_at, user_id, key_id, step, provider, model, endpoint, status, error_code,
  usage_source, late, overrun, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
  other_classes, other_amounts, input_cost_nano_usd, output_cost_nano_usd, cost_nano_usd, price_version, latency_ms,
  first_byte_ms, attempts, request_bytes, response_bytes, provider_request_id,
  to_char(admitted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS admitted_at_text`;

const LIST_SQL = `
  SELECT ${CALL_COLUMNS}
    FROM usage_events
   WHERE account_id = $1
     AND ($2::uuid IS NULL OR user_id = $2)
     AND (provider = $3 OR $3::text IS NULL AND provider <> '${NO_PROVIDER}')
     AND ($4::text IS NULL OR model = $4)
     AND ($5::text IS NULL OR status = $5)
     AND admitted_at <= coalesce($6::timestamptz, 'infinity')
     AND ($6 IS NULL OR (admitted_at, hold_id, call_index) < ($6, $7::uuid, $8::smallint))
   ORDER BY admitted_at DESC, hold_id DESC, call_index DESC
   LIMIT $9`;

const CALLS_OF_HOLD_SQL = `
  SELECT ${CALL_COLUMNS}
    FROM usage_events
   WHERE shard = $1 AND hold_id = $2 AND account_id = $3 AND admitted_at = $4
   ORDER BY call_index`;

type HoldRow = {
  id: string;
  shard: number;
  account_id: string;
  user_id: string | null;
  key_id: string | null;
  state: HoldRecord['state'];
  verdict: string;
  created_at: Date;
  created_at_text: string;
  expires_at: Date;
  closed_at: Date | null;
  meters: string[];
  asked: bigint[];
  remaining: bigint[];
  detail: string;
};

const HOLD_SQL = `
  SELECT id, shard, account_id, user_id, key_id, state, verdict, created_at, created_at::text AS created_at_text,
         expires_at, closed_at, meters, asked, remaining, detail
    FROM ledger_holds
   WHERE shard = ANY ($1::smallint[]) AND id = $2 AND ($3::uuid IS NULL OR account_id = $3)`;

type SeenRow = {
  meter: string;
  win: HoldRecord['limits'][number]['window'];
  scope: HoldRecord['limits'][number]['scope'];
  scope_id: string;
  kind: HoldRecord['limits'][number]['kind'];
  amount: bigint | null;
  used: bigint;
  held: bigint;
  state: HoldRecord['limits'][number]['state'];
  window_start: Date | number;
  window_end: Date | number;
  source: string;
  binding: boolean;
};

/** A counter's own figures have moved on; what the hold saw was written down with it. */
const SEEN_SQL = `
  SELECT c.meter, c.win, c.scope, c.scope_id, k.kind, s.amount, s.used, s.held,
         ledger_state(k.kind, s.used, s.amount, ARRAY(SELECT ledger_threshold(s.amount, b) FROM unnest(c.threshold_bps) b)) AS state,
         c.window_start, c.window_end, c.source, c.id IS NOT DISTINCT FROM h.binding_counter_id AS binding
    FROM ledger_holds h
   CROSS JOIN LATERAL unnest(h.counter_ids, h.seen_used, h.seen_held, h.seen_amount) s(id, used, held, amount)
    JOIN ledger_counters c ON c.shard = h.shard AND c.id = s.id
   CROSS JOIN LATERAL (
     SELECT CASE WHEN s.amount IS NOT NULL THEN 'n' WHEN c.kind = 'n' THEN 'unlimited' ELSE c.kind END AS kind) k
   WHERE h.shard = $1 AND h.id = $2 AND s.used IS NOT NULL AND c.meter = ANY (h.meters)
   ORDER BY binding DESC, c.meter, c.win, c.scope`;

const EVERY_LANE = Array.from({ length: SHARD_COUNT }, (_, shard) => shard);

/** Reads single requests and calls from the ledger's books. */
export function createRequestStore(pool: Pool): RequestStore {
  return {
    async listCalls(filter, after, limit) {
      const { rows } = await pool.query<CallRow>(LIST_SQL, [
        filter.accountId,
        filter.userId,
        filter.provider,
        filter.model,
        filter.status,
        after?.admittedAt ?? null,
        after?.requestId ?? null,
        after?.callIndex ?? null,
        limit,
      ]);
      return rows.map((row) => ({
        ...toCall(row),
        position: { admittedAt: row.admitted_at_text, requestId: row.hold_id, callIndex: row.call_index },
      }));
    },
    async findRequest(requestId, accountId) {
      const shards = accountId === null ? EVERY_LANE : [shardOf(accountId)];
      const holds = await pool.query<HoldRow>(HOLD_SQL, [shards, requestId, accountId]);
      const hold = holds.rows[0];
      if (hold === undefined) return undefined;
      const [seen, calls] = await Promise.all([
        pool.query<SeenRow>(SEEN_SQL, [hold.shard, hold.id]),
        pool.query<CallRow>(CALLS_OF_HOLD_SQL, [hold.shard, hold.id, hold.account_id, hold.created_at_text]),
      ]);
      return { hold: toHold(hold, seen.rows), calls: calls.rows.map(toCall) };
    },
  };
}

function toHold(row: HoldRow, seen: SeenRow[]): HoldRecord {
  // `stopped provider:openai`: the ledger keeps the stop beside the verdict.
  const [verdict, stop] = row.verdict.split(' ', 2);
  return {
    id: row.id,
    accountId: row.account_id,
    userId: row.user_id,
    keyId: row.key_id,
    state: row.state,
    verdict: verdict as Verdict,
    stop: stop ?? null,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    closedAt: row.closed_at,
    meters: row.meters,
    asked: row.asked,
    remaining: row.remaining,
    detail: row.detail,
    limits: seen.map((limit) => ({
      meter: limit.meter,
      window: limit.win,
      scope: limit.scope,
      scopeId: limit.scope_id,
      kind: limit.kind,
      amount: limit.amount,
      used: limit.used,
      held: limit.held,
      state: limit.state,
      windowStart: limit.window_start instanceof Date ? limit.window_start : null,
      resetsAt: limit.window_end instanceof Date ? limit.window_end : null,
      source: limit.source,
      binding: limit.binding,
    })),
  };
}

function toCall(row: CallRow): CallRecord {
  return {
    requestId: row.hold_id,
    callIndex: row.call_index,
    admittedAt: row.admitted_at,
    occurredAt: row.occurred_at,
    userId: row.user_id,
    keyId: row.key_id,
    step: row.step,
    provider: row.provider,
    model: row.model,
    endpoint: row.endpoint,
    status: row.status,
    errorCode: row.error_code,
    usageSource: row.usage_source,
    inputTokens: row.input_tokens,
    cacheReadTokens: row.cache_read_tokens,
    cacheWriteTokens: row.cache_write_tokens,
    outputTokens: row.output_tokens,
    reasoningTokens: row.reasoning_tokens,
    otherUnits: Object.fromEntries(
      row.other_classes.map((unitClass, index) => [unitClass, Number(row.other_amounts[index] ?? 0n)]),
    ),
    inputCostNanoUsd: row.input_cost_nano_usd,
    outputCostNanoUsd: row.output_cost_nano_usd,
    costNanoUsd: row.cost_nano_usd,
    priceVersion: row.price_version,
    latencyMs: row.latency_ms,
    firstByteMs: row.first_byte_ms,
    attempts: row.attempts,
    late: row.late,
    overrun: row.overrun,
    requestBytes: row.request_bytes,
    responseBytes: row.response_bytes,
    providerRequestId: row.provider_request_id,
  };
}
