import { recordAudit } from '#libs/audit/record-audit.ts';
import { type Actor, type AuditEntry, SYSTEM_ACTOR } from '#libs/contracts/audit-entry.ts';
import { type Database, type Tx, transaction } from '#libs/db/database.ts';
import { notify } from '#libs/db/notify.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { PriceRow } from '#libs/pricing/price.ts';
import { parsePriceBook } from '#libs/pricing/price-book.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { contradictionsOf } from './domain.ts';
import { insertPrices, listProviderPrices, lockPriceImports, upsertModels } from './store.ts';

/** The author of rows from a price book. */
export const PRICE_BOOK_AUTHOR = 'price-book';

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
  change: { by: Actor; now: Date; auditId: string },
): Promise<void> {
  const { by, now, auditId } = change;
  await transaction(database, async (tx) => {
    const added = await insertPrices(tx, rows, { author: by.actor, now });
    if (added < rows.length)
      throw problem('conflict', { detail: 'A price of this model already begins at this time.' });
    await recordChange(tx, {
      id: auditId,
      at: now,
      by,
      action: 'prices.added',
      subject: `model:${rows[0]?.provider}/${rows[0]?.model}`,
      after: { prices: rows.map((row) => ({ ...row, picoUsdPerUnit: row.picoUsdPerUnit.toString() })) },
    });
  });
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
