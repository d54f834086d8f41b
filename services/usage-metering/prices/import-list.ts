/** Imports a public price list, or shows what it would change. */
import type { Actor } from '#libs/contracts/audit-entry.ts';
import type { PriceImportResult } from '#libs/contracts/price-admin.ts';
import { type Database, transaction } from '#libs/db/database.ts';
import { readLiteLlm } from '#libs/pricing/litellm.ts';
import type { UnitClass } from '#libs/pricing/units.ts';
import { problem } from '#libs/problems/problems.ts';
import { addRows } from './change-prices.ts';
import { compareWithForce, presentChange, rowsInForce } from './domain.ts';
import { listPriceHistory, lockPriceImports, readPriceFeed } from './store.ts';

export type ListImport = {
  source: Readonly<Record<string, unknown>>;
  /** The only provider to import; null for all. */
  provider: string | null;
  validFrom: Date;
  now: Date;
  dryRun: boolean;
  by: Actor;
  auditId: string;
};

/** @throws ProblemError `conflict` if another price begins at the same time. */
export function importList(database: Database, options: ListImport): Promise<PriceImportResult> {
  const { source, provider, validFrom, now, dryRun, by, auditId } = options;
  return transaction(database, async (tx) => {
    await lockPriceImports(tx);
    const { models } = await readPriceFeed(tx, now);
    const history = await listPriceHistory(tx, { provider, model: null });
    const inForce = rowsInForce(history, validFrom);
    const classes = new Map<string, Set<UnitClass>>();
    for (const row of inForce) {
      const key = `${row.provider}/${row.model}`;
      classes.set(key, (classes.get(key) ?? new Set()).add(row.class));
    }
    const chosen = provider === null ? models : models.filter((model) => model.provider === provider);
    const list = readLiteLlm(
      source,
      chosen,
      (model) => classes.get(`${model.provider}/${model.model}`) ?? new Set(),
    );
    const { changes, unchanged } = compareWithForce(list.rows, inForce);
    const rows = changes.map(({ row }) => ({ ...row, validFrom: validFrom.toISOString() }));
    if (!dryRun && rows.length > 0) {
      const change = { by, now, auditId, action: 'prices.imported', subject: 'prices:litellm' } as const;
      if ((await addRows(tx, rows, change)) < rows.length)
        throw problem('conflict', { detail: 'Another price of one of these models begins at this time.' });
    }
    return {
      applied: !dryRun,
      valid_from: validFrom.toISOString(),
      changes: changes.map(presentChange),
      unchanged,
      unknown_models: list.unknown.filter((each) => provider === null || each.provider === provider),
      skipped: list.skipped,
    };
  });
}
