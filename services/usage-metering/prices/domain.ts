/** Price rows with their author, and which of them are in force. */
import { modelLabel, priceText } from '#libs/contracts/labels.ts';
import type { ModelAlias, PriceChange } from '#libs/contracts/price-admin.ts';
import {
  type AddPricesBody,
  type AdminPriceRow,
  displayPrice,
  type PricingList,
} from '#libs/contracts/prices.ts';
import type { modelAliases } from '#libs/db/schema/metering.ts';
import { formatUsd } from '#libs/money/money.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { PriceRow } from '#libs/pricing/price.ts';
import { UNIT_CLASSES } from '#libs/pricing/units.ts';

export type RecordedPrice = PriceRow & { author: string; createdAt: Date };

/** The series of a row. Rows of one series replace each other in time. */
export function seriesOf(row: Omit<PriceRow, 'validFrom'>): string {
  return `${row.provider} ${row.model} ${row.class} ${row.fromInputTokens}`;
}

/** The rows in force at an instant: of each series, the row with the latest start that has passed. */
export function rowsInForce<Row extends PriceRow>(rows: readonly Row[], now: Date): Row[] {
  const latest = new Map<string, Row>();
  for (const row of rows) {
    if (Date.parse(row.validFrom) > now.getTime()) continue;
    const known = latest.get(seriesOf(row));
    if (known === undefined || Date.parse(known.validFrom) <= Date.parse(row.validFrom)) {
      latest.set(seriesOf(row), row);
    }
  }
  return [...latest.values()];
}

/** The rows that are recorded with another price. */
export function contradictionsOf(rows: readonly PriceRow[], recorded: readonly PriceRow[]): PriceRow[] {
  const keyOf = (row: PriceRow) => `${seriesOf(row)} ${Date.parse(row.validFrom)}`;
  const known = new Map(recorded.map((row) => [keyOf(row), row.picoUsdPerUnit]));
  return rows.filter((row) => (known.get(keyOf(row)) ?? row.picoUsdPerUnit) !== row.picoUsdPerUnit);
}

export type ComparedRow = { row: Omit<PriceRow, 'validFrom'>; before: bigint | null };

/** Which rows differ from those in force. */
export function compareWithForce(
  rows: readonly Omit<PriceRow, 'validFrom'>[],
  inForce: readonly PriceRow[],
): { changes: ComparedRow[]; unchanged: number } {
  const known = new Map(inForce.map((row) => [seriesOf(row), row.picoUsdPerUnit]));
  const changes = rows.flatMap((row) => {
    const before = known.get(seriesOf(row)) ?? null;
    return before === row.picoUsdPerUnit ? [] : [{ row, before }];
  });
  return { changes, unchanged: rows.length - changes.length };
}

export function presentChange({ row, before }: ComparedRow): PriceChange {
  const { provider, model, class: unitClass, fromInputTokens } = row;
  return {
    ...{ provider, model, class: unitClass, from_input_tokens: fromInputTokens },
    before: before === null ? null : priceText(unitClass, before),
    after: priceText(unitClass, row.picoUsdPerUnit),
  };
}

export function presentAlias({
  alias,
  provider,
  model,
  author,
  createdAt,
}: typeof modelAliases.$inferSelect): ModelAlias {
  return { alias, provider, model, author, created_at: createdAt.toISOString() };
}

export function presentRepriced(repriced: {
  provider: string;
  model: string;
  calls: number;
  costNanoUsd: bigint;
  repricedNanoUsd: bigint;
}) {
  const { provider, model, calls, costNanoUsd: cost, repricedNanoUsd: priced } = repriced;
  return {
    ...{ provider, model, calls },
    ...{ cost_usd: formatUsd(cost), cost_nano_usd: cost.toString() },
    ...{ repriced_usd: formatUsd(priced), repriced_nano_usd: priced.toString() },
    ...{ change_usd: formatUsd(priced - cost), change_nano_usd: (priced - cost).toString() },
  };
}

export function presentHistory(rows: readonly RecordedPrice[], now: Date): AdminPriceRow[] {
  const inForce = new Set<PriceRow>(rowsInForce(rows, now));
  return rows.map((row) => ({
    provider: row.provider,
    model: row.model,
    ...presentPrice(row),
    state: stateOf(row, inForce, now),
    author: row.author,
    created_at: row.createdAt.toISOString(),
  }));
}

/** The latest instant of a `Date`, in milliseconds. */
const END_OF_TIME = 8_640_000_000_000_000;
const INTEGER_DIGITS = 16;

/** The order of the history: by model and class, the newest first. */
export function historyKey(row: AdminPriceRow): string {
  const newestFirst = END_OF_TIME - Date.parse(row.valid_from);
  const sortable = [row.from_input_tokens, newestFirst].map((n) => `${n}`.padStart(INTEGER_DIGITS, '0'));
  return [row.provider, row.model, row.class, ...sortable].join(' ');
}

function stateOf(row: PriceRow, inForce: ReadonlySet<PriceRow>, now: Date): AdminPriceRow['state'] {
  if (inForce.has(row)) return 'in_force';
  return Date.parse(row.validFrom) > now.getTime() ? 'scheduled' : 'superseded';
}

/** Models that have a price now, with all prices in force. */
export function pricingListOf(
  models: readonly ModelInfo[],
  rows: readonly PriceRow[],
  now: Date,
): PricingList {
  const byModel = Map.groupBy(rowsInForce(rows, now), (row) => `${row.provider} ${row.model}`);
  return {
    currency: 'USD',
    as_of: now.toISOString(),
    models: models.flatMap((info) => {
      const prices = byModel.get(`${info.provider} ${info.model}`) ?? [];
      return prices.length === 0
        ? []
        : [
            {
              provider: info.provider,
              model: info.model,
              label: modelLabel(info.model),
              aliases: [...info.aliases],
              kind: info.kind,
              context_window: info.contextWindow,
              max_output_tokens: info.maxOutputTokens,
              prices: prices.toSorted(byTierAndClass).map(presentPrice),
            },
          ];
    }),
  };
}

function byTierAndClass(left: PriceRow, right: PriceRow): number {
  return (
    left.fromInputTokens - right.fromInputTokens ||
    UNIT_CLASSES.indexOf(left.class) - UNIT_CLASSES.indexOf(right.class)
  );
}

function presentPrice(row: PriceRow): PricingList['models'][number]['prices'][number] {
  return {
    class: row.class,
    ...displayPrice(row.class, row.picoUsdPerUnit),
    from_input_tokens: row.fromInputTokens,
    valid_from: row.validFrom,
  };
}

/** The rows of a staff request, one per class of units that it prices. */
export function rowsOfRequest(body: AddPricesBody, validFrom: Date): PriceRow[] {
  const given: Record<string, bigint> = { ...body.per_million_tokens, ...body.per_unit };
  return UNIT_CLASSES.flatMap((unitClass) => {
    const picoUsdPerUnit = given[unitClass];
    if (picoUsdPerUnit === undefined) return [];
    return [
      {
        provider: body.provider,
        model: body.model,
        class: unitClass,
        validFrom: validFrom.toISOString(),
        picoUsdPerUnit,
        fromInputTokens: body.from_input_tokens,
      },
    ];
  });
}
