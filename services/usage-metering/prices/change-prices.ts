import { recordAudit } from '#libs/audit/record-audit.ts';
import { type Actor, type AuditEntry, SYSTEM_ACTOR } from '#libs/contracts/audit-entry.ts';
import { type Database, type Tx, transaction } from '#libs/db/database.ts';
import { notify } from '#libs/db/notify.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { PriceRow } from '#libs/pricing/price.ts';
import { parsePriceBook } from '#libs/pricing/price-book.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import {
  type AliasRow,
  deleteAlias,
  deleteScheduledPrices,
  insertAlias,
  isNameTaken,
} from './admin-store.ts';
import { contradictionsOf } from './domain.ts';
import { insertPrices, listProviderPrices, lockPriceImports, upsertModels } from './store.ts';

/** The author of rows from a price book. */
export const PRICE_BOOK_AUTHOR = 'price-book';

/** Who changes prices, when, and the id of the audit entry. */
export type PriceChange = { by: Actor; now: Date; auditId: string };

export type PriceImport = { models: readonly ModelInfo[]; rows: readonly PriceRow[] };

export type ImportResult = {
  addedRows: number;
  changedModels: number;
  /** Rows that are recorded with another price. The recorded price stays. */
  contradictions: PriceRow[];
};

/**
 * Adds prices of one model and notifies all services.
 *
 * @throws ProblemError `conflict` when one of the rows is recorded already; none is added then.
 */
export async function addPrices(
  database: Database,
  rows: readonly PriceRow[],
  change: PriceChange,
): Promise<void> {
  const subject = `model:${rows[0]?.provider}/${rows[0]?.model}`;
  await transaction(database, async (tx) => {
    const added = await addRows(tx, rows, { ...change, action: 'prices.added', subject });
    if (added < rows.length)
      throw problem('conflict', { detail: 'A price of this model already begins at this time.' });
  });
}

/** Adds the rows that are not recorded yet, audits them and notifies all services. @returns how many were added. */
export async function addRows(
  tx: Tx,
  rows: readonly PriceRow[],
  { now, ...entry }: PriceChange & Pick<AuditEntry, 'action' | 'subject'>,
): Promise<number> {
  const added = await insertPrices(tx, rows, { author: entry.by.actor, now });
  const prices = rows.map((row) => ({ ...row, picoUsdPerUnit: row.picoUsdPerUnit.toString() }));
  await recordChange(tx, { ...entryOf({ now, ...entry }), after: { prices } });
  return added;
}

/** Removes prices that are scheduled for an instant. @returns how many. */
export function cancelScheduled(
  database: Database,
  scheduled: { provider: string; model: string; validFrom: Date },
  change: PriceChange,
): Promise<number> {
  return transaction(database, async (tx) => {
    const cancelled = await deleteScheduledPrices(tx, scheduled, change.now);
    const subject = `model:${scheduled.provider}/${scheduled.model}`;
    const after = { valid_from: scheduled.validFrom.toISOString(), cancelled };
    if (cancelled > 0)
      await recordChange(tx, { ...entryOf({ ...change, action: 'prices.cancelled', subject }), after });
    return cancelled;
  });
}

/** @throws ProblemError `conflict` if the name is taken. */
export function addAlias(
  database: Database,
  { alias, provider, model }: Pick<AliasRow, 'alias' | 'provider' | 'model'>,
  change: PriceChange,
): Promise<AliasRow> {
  return transaction(database, async (tx) => {
    await lockPriceImports(tx);
    if (await isNameTaken(tx, alias))
      throw problem('conflict', { detail: 'A model or alias has this name.' });
    const row = { alias, provider, model, author: change.by.actor, createdAt: change.now };
    await insertAlias(tx, row);
    const subject = `model:${provider}/${model}`;
    await recordChange(tx, {
      ...entryOf({ ...change, action: 'model_alias.added', subject }),
      after: { alias },
    });
    return row;
  });
}

/** @returns whether there was one. */
export function removeAlias(database: Database, alias: string, change: PriceChange): Promise<boolean> {
  return transaction(database, async (tx) => {
    const removed = await deleteAlias(tx, alias);
    if (removed === undefined) return false;
    const subject = `model:${removed.provider}/${removed.model}`;
    const after = { alias };
    await recordChange(tx, { ...entryOf({ ...change, action: 'model_alias.removed', subject }), after });
    return true;
  });
}

function entryOf({
  now,
  auditId,
  by,
  action,
  subject,
}: PriceChange & Pick<AuditEntry, 'action' | 'subject'>) {
  return { id: auditId, at: now, by, action, subject };
}

/**
 * Adds the models and prices of a price book. Importing it again changes nothing. A recorded price is never changed; it is
 * reported if the book contradicts it.
 *
 * @throws PriceBookError listing every error in the text.
 */
export function importPriceBook(
  database: Database,
  text: string,
  runtime: Pick<Runtime, 'clock' | 'newId'>,
): Promise<ImportResult> {
  const source = { author: PRICE_BOOK_AUTHOR, by: SYSTEM_ACTOR };
  return importPrices(database, parsePriceBook(text), source, runtime);
}

/** Adds models and prices that are not recorded yet. Imports run one after another, across replicas. */
export function importPrices(
  database: Database,
  { models, rows }: PriceImport,
  { author, by }: { author: string; by: Actor },
  { clock, newId }: Pick<Runtime, 'clock' | 'newId'>,
): Promise<ImportResult> {
  const now = clock.now();
  return transaction(database, async (tx) => {
    await lockPriceImports(tx);
    const recorded = await listProviderPrices(tx, [...new Set(rows.map(({ provider }) => provider))]);
    const addedRows = await insertPrices(tx, rows, { author, now });
    const changedModels = await upsertModels(tx, models, now);
    if (addedRows + changedModels > 0)
      await recordChange(tx, {
        id: newId(),
        at: now,
        by,
        action: 'prices.imported',
        subject: `prices:${author}`,
        after: { added_rows: addedRows, changed_models: changedModels },
      });
    return { addedRows, changedModels, contradictions: contradictionsOf(rows, recorded) };
  });
}

async function recordChange(
  tx: Tx,
  entry: Omit<AuditEntry, 'accountId' | 'before' | 'reason'>,
): Promise<void> {
  await recordAudit(tx, { ...entry, accountId: null, before: null, reason: null });
  await notify(tx, { kind: 'prices' });
}
