import { and, asc, desc, eq, gt, sql } from 'drizzle-orm';
import type { Database, Queryable, Tx } from '#libs/db/database.ts';
import { vendorModels } from '#libs/db/schema/generation.ts';
import { modelAliases, models, providerPrices } from '#libs/db/schema/metering.ts';

/** Removes rows of a model that begin at an instant, if that is after `now`. @returns how many. */
export async function deleteScheduledPrices(
  tx: Tx,
  { provider, model, validFrom }: { provider: string; model: string; validFrom: Date },
  now: Date,
): Promise<number> {
  const { rowCount } = await tx
    .delete(providerPrices)
    .where(
      and(
        eq(providerPrices.provider, provider),
        eq(providerPrices.model, model),
        eq(providerPrices.validFrom, validFrom),
        gt(providerPrices.validFrom, now),
      ),
    );
  return rowCount ?? 0;
}

export type AliasRow = typeof modelAliases.$inferSelect;

export function listAliases(db: Queryable): Promise<AliasRow[]> {
  return db.select().from(modelAliases).orderBy(asc(modelAliases.alias));
}

/** Whether a name is taken by a model, or by an alias of the price book or of staff. */
export async function isNameTaken(db: Queryable, name: string): Promise<boolean> {
  const ofModel = await db
    .select({ model: models.model })
    .from(models)
    .where(
      sql`${name} = ANY (ARRAY[${models.model}, ${models.provider} || '/' || ${models.model}]) OR ${models.info} -> 'aliases' ? ${name}`,
    )
    .limit(1);
  const ofStaff = await db
    .select({ alias: modelAliases.alias })
    .from(modelAliases)
    .where(eq(modelAliases.alias, name));
  return ofModel.length + ofStaff.length > 0;
}

export async function insertAlias(tx: Tx, row: AliasRow): Promise<void> {
  await tx.insert(modelAliases).values(row);
}

export async function deleteAlias(tx: Tx, alias: string): Promise<AliasRow | undefined> {
  const [deleted] = await tx.delete(modelAliases).where(eq(modelAliases.alias, alias)).returning();
  return deleted;
}

/** Models that providers list now, and that are neither a model of ours with a price nor an alias of one. */
export function listUnpriced(
  db: Queryable,
): Promise<{ provider: string; model: string; firstSeenAt: Date }[]> {
  const isPriced = sql`EXISTS (
    SELECT FROM ${models} m JOIN ${providerPrices} p ON p.provider = m.provider AND p.model = m.model
     WHERE m.provider = ${vendorModels.provider}
       AND (m.model = ${vendorModels.model} OR m.info ->> 'upstreamModel' = ${vendorModels.model}
            OR m.info -> 'aliases' ? ${vendorModels.model}))`;
  const isAlias = sql`EXISTS (
    SELECT FROM ${modelAliases} a WHERE a.provider = ${vendorModels.provider} AND a.alias = ${vendorModels.model})`;
  const isListed = sql`${vendorModels.seenAt} = (
    SELECT max(l.seen_at) FROM ${vendorModels} l WHERE l.provider = ${vendorModels.provider})`;
  return db
    .select({
      provider: vendorModels.provider,
      model: vendorModels.model,
      firstSeenAt: vendorModels.firstSeenAt,
    })
    .from(vendorModels)
    .where(sql`${isListed} AND NOT ${isPriced} AND NOT ${isAlias}`)
    .orderBy(desc(vendorModels.firstSeenAt), asc(vendorModels.provider), asc(vendorModels.model));
}

export async function countUnpriced(db: Queryable): Promise<{ provider: string; count: number }[]> {
  const byProvider = Map.groupBy(await listUnpriced(db), ({ provider }) => provider);
  return [...byProvider].map(([provider, { length: count }]) => ({ provider, count }));
}

export type UsedUnits = { tier: number; class: string; units: bigint };

/**
 * The units of a model's calls since an instant, by price tier and class. A lateral list of columns cannot be written with
 * Drizzle.
 * @param tierStarts prompt sizes at which tiers begin, ascending.
 */
export async function sumUnits(
  database: Database,
  { provider, model, from, to }: { provider: string; model: string; from: Date; to: Date },
  tierStarts: readonly number[],
): Promise<{ calls: number; costNanoUsd: bigint; units: UsedUnits[] }> {
  const where = `provider = $1 AND model = $2 AND admitted_at >= $3 AND admitted_at < $4 AND call_index >= 0`;
  const values = [provider, model, from, to];
  const total = await database.$client.query<{ calls: number; cost: bigint }>(
    `SELECT count(*)::int AS calls, coalesce(sum(cost_nano_usd), 0)::bigint AS cost FROM usage_events WHERE ${where}`,
    values,
  );
  const { rows } = await database.$client.query<UsedUnits>(
    `SELECT width_bucket(p.tokens, $5::numeric[]) - 1 AS tier, u.class, sum(u.amount)::bigint AS units
       FROM usage_events e
      CROSS JOIN LATERAL (
        SELECT * FROM (VALUES ('input', e.input_tokens), ('cache_read', e.cache_read_tokens),
                              ('cache_write', e.cache_write_tokens), ('output', e.output_tokens),
                              ('reasoning', e.reasoning_tokens)) t
        UNION ALL SELECT * FROM unnest(e.other_classes, e.other_amounts)) u(class, amount)
      CROSS JOIN LATERAL (
        SELECT (coalesce(e.input_tokens, 0) + coalesce(e.cache_read_tokens, 0) + coalesce(e.cache_write_tokens, 0)
             + coalesce(e.other_amounts[array_position(e.other_classes, 'cache_write_1h')], 0))::numeric AS tokens) p
      WHERE ${where} AND u.amount > 0
      GROUP BY 1, 2`,
    [...values, tierStarts],
  );
  const [{ calls, cost } = { calls: 0, cost: 0n }] = total.rows;
  return { calls, costNanoUsd: cost, units: rows };
}
