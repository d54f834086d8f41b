import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Pool } from 'pg';
import { SYSTEM_ACTOR } from '#libs/contracts/audit-entry.ts';
import { createDatabase, transaction } from '#libs/db/database.ts';
import { createPool } from '#libs/db/pool.ts';
import type { PriceRow } from '#libs/pricing/price.ts';
import { parsePriceBook, priceRowsOf } from '#libs/pricing/price-book.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { importCatalogue, readCatalogueFile } from '#services/billing/catalogues/import-catalogue.ts';
import { ensureActiveVersion } from '#services/billing/catalogues/publish-catalogue.ts';
import { type CatalogueVersionRow, findVersion } from '#services/billing/catalogues/store.ts';
import {
  type ImportResult,
  importPriceBook,
  importPrices,
} from '#services/usage-metering/prices/change-prices.ts';
import { type Demo, type DemoSecrets, setUpDemo } from './demo.ts';

const CATALOGUES = new URL('../catalogues/', import.meta.url);

/** The price book that comes with Inkmeter. */
export const defaultPricesPath = fileURLToPath(new URL('prices.yaml', CATALOGUES));

/** The path of a preset, by its name, or of any catalogue file. */
export function cataloguePathOf(nameOrPath: string): string {
  return /^[a-z][a-z0-9-]*$/.test(nameOrPath)
    ? fileURLToPath(new URL(`${nameOrPath}.yaml`, CATALOGUES))
    : nameOrPath;
}

export type BootstrapContext = {
  /** The migrated database, as its owner. */
  databaseUrl: string;
  cataloguePath: string;
  pricesPath: string;
  /** The key and passwords of the demo account, the same at every start. Without them it is not created. */
  demoSecrets?: DemoSecrets;
  /** Prints a line for the operator. */
  log: (line: string) => void;
};

type StepContext = BootstrapContext & { pool: Pool };

type VersionName = Pick<CatalogueVersionRow, 'id' | 'catalogueId' | 'version'>;

/** The active catalogue version, and the version of the file that this start was given. */
export type CatalogueStatus = { active: VersionName; file: VersionName };

async function addPriceBook({ pool, pricesPath, log }: StepContext): Promise<void> {
  const text = await readFile(pricesPath, 'utf8');
  logPrices(await importPriceBook(createDatabase(pool), text, systemRuntime), 'The price book', log);
}

/**
 * Imports the catalogue file if its content is new. It becomes active only if no version is active yet: an installation
 * keeps selling what its staff published.
 */
async function addCatalogue({ pool, cataloguePath, pricesPath, log }: StepContext): Promise<CatalogueStatus> {
  const text = await readFile(cataloguePath, 'utf8');
  const { models: knownModels } = parsePriceBook(await readFile(pricesPath, 'utf8'));
  const file = readCatalogueFile(text, knownModels);
  const { id, prices } = file.catalogue;
  const rows = prices.flatMap(priceRowsOf);
  const database = createDatabase(pool);
  const source = { author: `catalogue:${id}`, by: SYSTEM_ACTOR };
  const changed = await importPrices(database, { models: [], rows }, source, systemRuntime);
  logPrices(changed, `The catalogue ${id}`, log);
  const status = await transaction(database, async (tx) => {
    const { row, created } = await importCatalogue(tx, systemRuntime, file, SYSTEM_ACTOR);
    const activeId = await ensureActiveVersion(tx, systemRuntime, row.id);
    const active = activeId === row.id ? row : await findVersion(tx, activeId);
    if (active === undefined) throw new Error(`There is no catalogue version ${activeId}.`);
    return { active, file: row, created };
  });
  if (status.created) {
    const state = status.active.id === status.file.id ? 'active' : 'not published';
    log(`The catalogue ${id} was imported as version ${status.file.version}; it is ${state}.`);
  }
  return status;
}

function logPrices(
  { addedRows, changedModels, contradictions }: ImportResult,
  source: string,
  log: (line: string) => void,
) {
  if (addedRows + changedModels > 0) {
    log(`${source} added ${addedRows} prices and changed ${changedModels} models.`);
  }
  for (const row of contradictions)
    log(`${source} contradicts a recorded price, which is kept: ${describe(row)}`);
}

function describe({ provider, model, class: unitClass, validFrom }: PriceRow): string {
  return `${unitClass} of ${provider}/${model} from ${validFrom}`;
}

async function step<Result>(name: string, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (cause) {
    throw new Error(`The first data could not be written (${name}): ${String(cause)}`, { cause });
  }
}

/**
 * Writes the first data of a migrated database: prices, catalogue, demo account. Runs at every start and does not change
 * existing data.
 *
 * @returns the catalogue, and the demo account if there are secrets for it.
 * @throws Error naming the step that failed.
 */
export async function bootstrap(
  context: BootstrapContext,
): Promise<{ catalogue: CatalogueStatus; demo: Demo | undefined }> {
  const pool = createPool({
    connectionString: context.databaseUrl,
    max: 2,
    applicationName: 'inkmeter-bootstrap',
    statementTimeoutMs: 60_000,
  });
  try {
    await step('prices', () => addPriceBook({ ...context, pool }));
    const catalogue = await step('catalogue', () => addCatalogue({ ...context, pool }));
    const { demoSecrets } = context;
    const demo = demoSecrets && (await setUpDemo(pool, demoSecrets, SYSTEM_ACTOR.actor));
    return { catalogue, demo };
  } finally {
    await pool.end();
  }
}
