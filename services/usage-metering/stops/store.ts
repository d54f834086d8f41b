import { and, eq, inArray, isNull } from 'drizzle-orm';
import { recordAudit } from '#libs/audit/record-audit.ts';
import type { Actor, AuditAction } from '#libs/contracts/audit-entry.ts';
import { type Database, type Tx, transaction } from '#libs/db/database.ts';
import { ledgerStops } from '#libs/db/schema/ledger.ts';
import { stopNotices } from '#libs/db/schema/metering.ts';
import type { Ledger, StopInput } from '#libs/ledger/ledger.ts';
import type { Stop } from '#libs/ledger/types.ts';
import type { StopNotice } from '#libs/service/refusal.ts';
import { hasModel } from '../prices/store.ts';

export type StopLedger = Pick<Ledger, 'stop' | 'liftStop' | 'stops'>;

/** Who changes a stop, when, and the id of the audit entry. */
export type StopChange = { by: Actor; at: Date; auditId: string };

/** @param target `provider/model` */
export function isKnownModel(database: Database, target: string): Promise<boolean> {
  const [provider = '', model = ''] = target.split('/');
  return hasModel(database, provider, model);
}

/** Puts a stop into force and audits it. Returns the earlier stop, unaudited, if the same work is stopped already. */
export function putStop(
  database: Database,
  ledger: StopLedger,
  { notice, ...input }: Omit<StopInput, 'author'> & { notice: StopNotice },
  change: StopChange,
): Promise<Stop> {
  return transaction(database, async (tx) => {
    const stop = await ledger.stop({ ...input, author: change.by.actor }, tx);
    if (stop.id !== input.id) return stop;
    if (notice.publicReason !== null || notice.expectedUntil !== null)
      await tx.insert(stopNotices).values({ stopId: stop.id, ...notice });
    await audit(tx, 'stop.created', stop, input.reason, change);
    return stop;
  });
}

/** What callers see of stops, by the id of the stop. */
export async function readStopNotices(
  database: Database,
  stops: readonly Stop[],
): Promise<ReadonlyMap<string, StopNotice>> {
  if (stops.length === 0) return new Map();
  const ids = stops.map(({ id }) => id);
  const notices = await database.select().from(stopNotices).where(inArray(stopNotices.stopId, ids));
  return new Map(notices.map(({ stopId, ...notice }) => [stopId, notice]));
}

/** Lifts a stop and audits it. Lifting it again changes nothing. @returns undefined if there is no such stop. */
export function liftStop(
  database: Database,
  ledger: StopLedger,
  id: string,
  change: StopChange,
): Promise<Stop | undefined> {
  return transaction(database, async (tx) => {
    const inForce = await tx
      .select({ id: ledgerStops.id })
      .from(ledgerStops)
      .where(and(eq(ledgerStops.id, id), isNull(ledgerStops.liftedAt)));
    const stop = await ledger.liftStop({ id, author: change.by.actor }, tx);
    if (stop !== undefined && inForce.length > 0) await audit(tx, 'stop.lifted', stop, null, change);
    return stop;
  });
}

function audit(
  tx: Tx,
  action: Extract<AuditAction, `stop.${string}`>,
  { id, kind, target }: Stop,
  reason: string | null,
  { by, at, auditId }: StopChange,
): Promise<void> {
  const state = { id, kind, target };
  return recordAudit(tx, {
    id: auditId,
    at,
    by,
    action,
    subject: kind === 'global' ? 'stop:global' : `stop:${kind}:${target}`,
    accountId: kind === 'account' ? target : null,
    before: action === 'stop.lifted' ? state : null,
    after: action === 'stop.created' ? state : null,
    reason,
  });
}
