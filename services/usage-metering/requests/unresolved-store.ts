import { and, count, desc, eq, gte, inArray, isNull, lt, type SQL, sql } from 'drizzle-orm';
import { recordAudit } from '#libs/audit/record-audit.ts';
import type { Actor } from '#libs/contracts/audit-entry.ts';
import { type Database, only, type Queryable, transaction } from '#libs/db/database.ts';
import { ledgerHolds, usageEvents } from '#libs/db/schema/ledger.ts';
import { models } from '#libs/db/schema/metering.ts';
import type { CorrectOutcome, CorrectRequest } from '#libs/ledger/correct.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import { emit } from '#libs/outbox/emit.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { CallRecord } from './domain/call-record.ts';
import type { CallPosition } from './domain/cursor.ts';
import { correctionPayload } from './domain/resolution.ts';
import {
  ALL_SHARDS,
  admittedAtText,
  comesAfter,
  corrections,
  correctsCall,
  isCall,
  listCallsOfHold,
} from './store.ts';

/** Selects calls of unknown outcome; null selects all. */
export type UnresolvedFilter = {
  accountId: string | null;
  model: string | null;
  /** Inclusive start and exclusive end of the time of admission. */
  from: Date | null;
  to: Date | null;
};

/** A literal, so that the planner sees that the index of such calls has them. */
const isAtBound = eq(usageEvents.usageSource, sql.raw(`'bound'`));

/** Calls at their bound without a correction, newest first, after a position. */
export async function listUnresolved(
  database: Database,
  { accountId, model, from, to }: UnresolvedFilter,
  after: CallPosition | null,
  limit: number,
): Promise<(CallRecord & { position: CallPosition })[]> {
  const rows = await database
    .select({ call: usageEvents, admittedAt: admittedAtText })
    .from(usageEvents)
    .leftJoin(corrections, correctsCall)
    .where(
      and(
        isCall,
        isAtBound,
        isNull(corrections.holdId),
        accountId === null ? undefined : eq(usageEvents.accountId, accountId),
        model === null ? undefined : eq(usageEvents.model, model),
        from === null ? undefined : gte(usageEvents.admittedAt, from),
        to === null ? undefined : lt(usageEvents.admittedAt, to),
        after === null ? undefined : comesAfter(after),
      ) as SQL,
    )
    .orderBy(desc(usageEvents.admittedAt), desc(usageEvents.holdId), desc(usageEvents.callIndex))
    .limit(limit);
  return rows.map(({ call, admittedAt }) => ({
    ...call,
    correction: null,
    position: { admittedAt, requestId: call.holdId, callIndex: call.callIndex },
  }));
}

/** How many calls of all accounts {@link listUnresolved} would list. */
export async function countUnresolved(database: Database): Promise<number> {
  const rows = await database
    .select({ count: count() })
    .from(usageEvents)
    .leftJoin(corrections, correctsCall)
    .where(and(isCall, isAtBound, isNull(corrections.holdId)));
  return only(rows).count;
}

/** A call of any account, with the plan that its hold has. */
export async function findCall(
  db: Queryable,
  { requestId, callIndex }: { requestId: string; callIndex: number },
): Promise<{ call: CallRecord; detail: string } | undefined> {
  const [hold] = await db
    .select({
      id: ledgerHolds.id,
      shard: ledgerHolds.shard,
      accountId: ledgerHolds.accountId,
      detail: ledgerHolds.detail,
      createdAt: sql<string>`${ledgerHolds.createdAt}::text`,
    })
    .from(ledgerHolds)
    .where(and(inArray(ledgerHolds.shard, ALL_SHARDS), eq(ledgerHolds.id, requestId)));
  if (hold === undefined) return undefined;
  const calls = await listCallsOfHold(db, hold, hold.createdAt);
  const call = calls.find((one) => one.callIndex === callIndex);
  return call && { call, detail: hold.detail };
}

export type Resolution = {
  request: CorrectRequest;
  reason: string;
  by: Actor;
  at: Date;
  newId: () => string;
};

/** Corrects the call and audits it, in one transaction. A call that was corrected before is not audited again. */
export function resolveCall(
  database: Database,
  ledger: Pick<Ledger, 'correct'>,
  call: CallRecord,
  { request, reason, by, at, newId }: Resolution,
): Promise<CorrectOutcome> {
  return transaction(database, async (tx) => {
    const outcome = await ledger.correct(request, tx);
    if (outcome !== 'corrected') return outcome;
    const { inputCostNanoUsd, outputCostNanoUsd, providerRequestId } = request.facts;
    await recordAudit(tx, {
      id: newId(),
      at,
      by,
      action: 'usage.resolved',
      subject: `call:${call.holdId}.${call.callIndex}`,
      accountId: call.accountId,
      before: { usage_source: call.usageSource, cost_nano_usd: call.costNanoUsd.toString() },
      after: {
        usage_source: request.facts.usageSource,
        cost_nano_usd: (inputCostNanoUsd + outputCostNanoUsd).toString(),
        provider_request_id: providerRequestId,
      },
      reason,
    });
    const payload = correctionPayload(call, request);
    if (payload !== null) {
      const { accountId } = call;
      const event = { id: newId(), type: 'usage.corrected', accountId, payload, createdAt: at } as const;
      await emit(tx, event, newId);
    }
    return outcome;
  });
}

export async function listModels(db: Queryable, provider: string): Promise<ModelInfo[]> {
  const rows = await db.select({ info: models.info }).from(models).where(eq(models.provider, provider));
  return rows.map(({ info }) => info);
}
