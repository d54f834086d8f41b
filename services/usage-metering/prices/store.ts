import type { Pool, PoolClient } from 'pg';
import type { PriceFeed } from '#libs/contracts/price-feed.ts';
import { notify } from '#libs/db/notify.ts';
import { transaction } from '#libs/db/transaction.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { PriceRow } from '#libs/pricing/price.ts';
import type { UnitClass } from '#libs/pricing/units.ts';
import type { RecordedPrice } from './domain.ts';

export type PriceStore = {
  /** Models that are served, with the price rows in force now and those that will be. */
  feed: (now: Date) => Promise<PriceFeed>;
  /** Every row, newest first within its model and class. */
  history: (filter: { provider: string | null; model: string | null }) => Promise<RecordedPrice[]>;
  hasModel: (provider: string, model: string) => Promise<boolean>;
  /** Adds all of the rows or, if one of them exists already, none; tells which it was. */
  add: (rows: readonly PriceRow[], by: { author: string; now: Date }) => Promise<'added' | 'exists'>;
};

export type ImportResult = {
  addedRows: number;
  changedModels: number;
  /** Rows of the book that the database has with another price: what is recorded stays. */
  contradictions: PriceRow[];
};

type PriceRecord = {
  provider: string;
  model: string;
  class: UnitClass;
  valid_from: Date;
  from_input_tokens: number;
  pico_usd_per_unit: bigint;
  author: string;
  created_at: Date;
};

const COLUMNS =
  'provider, model, class, valid_from, from_input_tokens, pico_usd_per_unit, author, created_at';

const FEED_SQL = `
  SELECT ${COLUMNS} FROM (
    SELECT p.*, row_number() OVER (PARTITION BY provider, model, class, from_input_tokens, valid_from > $1
                                       ORDER BY valid_from DESC) AS nth
      FROM provider_prices p) ranked
   WHERE valid_from > $1 OR nth = 1
   ORDER BY provider, model, class, from_input_tokens, valid_from`;

const HISTORY_SQL = `
  SELECT ${COLUMNS} FROM provider_prices
   WHERE ($1::text IS NULL OR provider = $1) AND ($2::text IS NULL OR model = $2)
   ORDER BY provider, model, class, from_input_tokens, valid_from DESC`;

const INSERT_SQL = `
  INSERT INTO provider_prices (${COLUMNS})
  SELECT p.*, $7, $8
    FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::integer[], $6::bigint[]) p
  ON CONFLICT DO NOTHING`;

const CONTRADICTIONS_SQL = `
  SELECT b.n - 1 AS index
    FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::integer[], $6::bigint[])
         WITH ORDINALITY b(provider, model, class, valid_from, from_input_tokens, pico_usd_per_unit, n)
    JOIN provider_prices p USING (provider, model, class, valid_from, from_input_tokens)
   WHERE p.pico_usd_per_unit <> b.pico_usd_per_unit
   ORDER BY b.n`;

const UPSERT_MODELS_SQL = `
  INSERT INTO models AS m (provider, model, info, updated_at)
  SELECT b.provider, b.model, b.info, $4
    FROM unnest($1::text[], $2::text[], $3::jsonb[]) b(provider, model, info)
  ON CONFLICT (provider, model) DO UPDATE SET info = excluded.info, updated_at = excluded.updated_at
   WHERE m.info <> excluded.info`;

/** Prices and models on PostgreSQL. */
export function createPriceStore(pool: Pool): PriceStore {
  return {
    async feed(now) {
      const [models, rows] = await Promise.all([
        pool.query<{ info: ModelInfo }>('SELECT info FROM models WHERE enabled ORDER BY provider, model'),
        pool.query<PriceRecord>(FEED_SQL, [now]),
      ]);
      return { models: models.rows.map(({ info }) => info), rows: rows.rows.map(toPriceRow) };
    },
    async history({ provider, model }) {
      const { rows } = await pool.query<PriceRecord>(HISTORY_SQL, [provider, model]);
      return rows.map((row) => ({ ...toPriceRow(row), author: row.author, createdAt: row.created_at }));
    },
    async hasModel(provider, model) {
      const { rowCount } = await pool.query('SELECT FROM models WHERE provider = $1 AND model = $2', [
        provider,
        model,
      ]);
      return rowCount === 1;
    },
    add: (rows, by) =>
      transaction(pool, async (client) => {
        if ((await insertRows(client, rows, by)) < rows.length) throw new RowExists();
        await notify(client, { kind: 'prices' });
        return 'added' as const;
      }).catch((error: unknown) => {
        if (error instanceof RowExists) return 'exists' as const;
        throw error;
      }),
  };
}

/** Only leaves a transaction; never seen outside. */
class RowExists extends Error {
  override readonly name = 'RowExists';
}

/** Adds what a price book has and the database does not; says so to all services if that was anything. */
export function importPrices(
  pool: Pool,
  book: { models: readonly ModelInfo[]; rows: readonly PriceRow[] },
  by: { author: string; now: Date },
): Promise<ImportResult> {
  return transaction(pool, async (client) => {
    const addedRows = await insertRows(client, book.rows, by);
    const models = await client.query(UPSERT_MODELS_SQL, [
      book.models.map(({ provider }) => provider),
      book.models.map(({ model }) => model),
      book.models.map((info) => JSON.stringify(info)),
      by.now,
    ]);
    const changedModels = models.rowCount ?? 0;
    const contradicted = await client.query<{ index: bigint }>(CONTRADICTIONS_SQL, columnsOf(book.rows));
    if (addedRows + changedModels > 0) await notify(client, { kind: 'prices' });
    return {
      addedRows,
      changedModels,
      contradictions: contradicted.rows.flatMap(({ index }) => book.rows[Number(index)] ?? []),
    };
  });
}

async function insertRows(
  client: PoolClient,
  rows: readonly PriceRow[],
  { author, now }: { author: string; now: Date },
): Promise<number> {
  const { rowCount } = await client.query(INSERT_SQL, [...columnsOf(rows), author, now]);
  return rowCount ?? 0;
}

function columnsOf(rows: readonly PriceRow[]): unknown[][] {
  return [
    rows.map(({ provider }) => provider),
    rows.map(({ model }) => model),
    rows.map((row) => row.class),
    rows.map(({ validFrom }) => validFrom),
    rows.map(({ fromInputTokens }) => fromInputTokens),
    rows.map(({ picoUsdPerUnit }) => picoUsdPerUnit.toString()),
  ];
}

function toPriceRow(row: PriceRecord): PriceRow {
  return {
    provider: row.provider,
    model: row.model,
    class: row.class,
    validFrom: row.valid_from.toISOString(),
    picoUsdPerUnit: row.pico_usd_per_unit,
    fromInputTokens: row.from_input_tokens,
  };
}
