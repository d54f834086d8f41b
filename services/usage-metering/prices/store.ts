import { and, desc, eq, gt, inArray, lte, max, or, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import type { PriceFeed } from '#libs/contracts/price-feed.ts';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { modelAliases, models, providerPrices } from '#libs/db/schema/metering.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { PriceRow } from '#libs/pricing/price.ts';
import type { RecordedPrice } from './domain.ts';

const earlier = alias(providerPrices, 'earlier');

/** Enabled models with the aliases that staff added, and the price rows in force now and those scheduled for later. */
export async function readPriceFeed(db: Queryable, now: Date): Promise<PriceFeed> {
  const startInForce = db
    .select({ validFrom: max(earlier.validFrom) })
    .from(earlier)
    .where(
      and(
        eq(earlier.provider, providerPrices.provider),
        eq(earlier.model, providerPrices.model),
        eq(earlier.class, providerPrices.class),
        eq(earlier.fromInputTokens, providerPrices.fromInputTokens),
        lte(earlier.validFrom, now),
      ),
    );
  const [modelRows, aliases, priceRows] = await Promise.all([
    db
      .select({ info: models.info })
      .from(models)
      .where(eq(models.enabled, true))
      .orderBy(models.provider, models.model),
    db.select().from(modelAliases).orderBy(modelAliases.alias),
    db
      .select()
      .from(providerPrices)
      .where(or(gt(providerPrices.validFrom, now), eq(providerPrices.validFrom, startInForce)))
      .orderBy(
        providerPrices.provider,
        providerPrices.model,
        providerPrices.class,
        providerPrices.fromInputTokens,
        providerPrices.validFrom,
      ),
  ]);
  const byModel = Map.groupBy(aliases, ({ provider, model }) => `${provider}/${model}`);
  const infos = modelRows.map(({ info }) => {
    const added = byModel.get(`${info.provider}/${info.model}`) ?? [];
    return { ...info, aliases: [...new Set([...info.aliases, ...added.map(({ alias }) => alias)])] };
  });
  return { models: infos, rows: priceRows.map(toPriceRow) };
}

/** Every row, newest first within its model and class. */
export async function listPriceHistory(
  db: Queryable,
  { provider, model }: { provider: string | null; model: string | null },
): Promise<RecordedPrice[]> {
  const rows = await db
    .select()
    .from(providerPrices)
    .where(
      and(
        provider === null ? undefined : eq(providerPrices.provider, provider),
        model === null ? undefined : eq(providerPrices.model, model),
      ),
    )
    .orderBy(
      providerPrices.provider,
      providerPrices.model,
      providerPrices.class,
      providerPrices.fromInputTokens,
      desc(providerPrices.validFrom),
    );
  return rows.map((row) => ({ ...toPriceRow(row), author: row.author, createdAt: row.createdAt }));
}

export async function hasModel(db: Queryable, provider: string, model: string): Promise<boolean> {
  const rows = await db
    .select({ model: models.model })
    .from(models)
    .where(and(eq(models.provider, provider), eq(models.model, model)));
  return rows.length > 0;
}

/** Lets one import run at a time, until the transaction ends. Drizzle has no advisory locks. */
export async function lockPriceImports(tx: Tx): Promise<void> {
  await tx.execute(sql`SELECT pg_advisory_xact_lock(hashtext('price-import'))`);
}

/** All recorded rows of these providers. */
export async function listProviderPrices(db: Queryable, providers: readonly string[]): Promise<PriceRow[]> {
  if (providers.length === 0) return [];
  const rows = await db
    .select()
    .from(providerPrices)
    .where(inArray(providerPrices.provider, [...providers]));
  return rows.map(toPriceRow);
}

/** Adds rows that are not recorded yet. @returns how many. */
export async function insertPrices(
  tx: Tx,
  rows: readonly PriceRow[],
  by: { author: string; now: Date },
): Promise<number> {
  if (rows.length === 0) return 0;
  const values = rows.map((row) => ({
    ...row,
    validFrom: new Date(row.validFrom),
    author: by.author,
    createdAt: by.now,
  }));
  const { rowCount } = await tx.insert(providerPrices).values(values).onConflictDoNothing();
  return rowCount ?? 0;
}

/** Adds models, and updates those whose description differs. @returns how many were added or updated. */
export async function upsertModels(tx: Tx, infos: readonly ModelInfo[], now: Date): Promise<number> {
  if (infos.length === 0) return 0;
  const { rowCount } = await tx
    .insert(models)
    .values(infos.map((info) => ({ provider: info.provider, model: info.model, info, updatedAt: now })))
    .onConflictDoUpdate({
      target: [models.provider, models.model],
      set: { info: sql`excluded.info`, updatedAt: now },
      setWhere: sql`${models.info} <> excluded.info`,
    });
  return rowCount ?? 0;
}

function toPriceRow(row: typeof providerPrices.$inferSelect): PriceRow {
  return {
    provider: row.provider,
    model: row.model,
    class: row.class,
    validFrom: row.validFrom.toISOString(),
    picoUsdPerUnit: row.picoUsdPerUnit,
    fromInputTokens: row.fromInputTokens,
  };
}
