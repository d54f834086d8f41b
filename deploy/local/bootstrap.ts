import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Pool } from 'pg';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import { createPool } from '#libs/db/pool.ts';
import type { PriceRow } from '#libs/pricing/price.ts';
import { parsePriceBook, priceRowsOf } from '#libs/pricing/price-book.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { importCatalogue } from '#services/billing/catalogues/import-catalogue.ts';
import { publishCatalogue } from '#services/billing/catalogues/publish-catalogue.ts';
import { createRolloutRunner } from '#services/billing/catalogues/rollout-runner.ts';
import { createRolloutStore } from '#services/billing/catalogues/rollout-store.ts';
import { createCatalogueStore } from '#services/billing/catalogues/store.ts';
import { importPriceBook } from '#services/usage-metering/prices/import-price-book.ts';
import { type ImportResult, importPrices } from '#services/usage-metering/prices/store.ts';
import { type Demo, setUpDemo } from './demo.ts';

const CATALOGUES = new URL('../catalogues/', import.meta.url);
const AUTHOR = 'bootstrap';

/** Where the price book is that comes with the product. */
export const defaultPricesPath = fileURLToPath(new URL('prices.yaml', CATALOGUES));

/** The file of a catalogue: one of the presets by its name, or any file by its path. */
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
  /** The key that opens the demo account; the same at every start. Without it there is none. */
  demoApiKey?: string;
  /** Tells the operator what was done. */
  log: (line: string) => void;
};

type StepContext = BootstrapContext & { pool: Pool };

/** One thing that a new installation needs. Runs at every start, and does nothing when it is done already. */
export type BootstrapStep = {
  name: string;
  run: (context: StepContext) => Promise<void>;
};

async function addPriceBook({ pool, pricesPath, log }: StepContext): Promise<void> {
  const text = await readFile(pricesPath, 'utf8');
  tellPrices(await importPriceBook(pool, text, systemRuntime.clock.now()), 'The price book', log);
}

async function addCatalogue({ pool, cataloguePath, pricesPath, log }: StepContext): Promise<void> {
  const text = await readFile(cataloguePath, 'utf8');
  const { models: knownModels } = parsePriceBook(await readFile(pricesPath, 'utf8'));
  const { id, prices } = parseCatalogue(text, { knownModels });
  const now = systemRuntime.clock.now();
  const rows = prices.flatMap(priceRowsOf);
  const changed = await importPrices(pool, { models: [], rows }, { author: `catalogue:${id}`, now });
  tellPrices(changed, `The catalogue ${id}`, log);
  const previous = await createCatalogueStore(pool).active();
  const imported = await importCatalogue(pool, {
    text,
    author: AUTHOR,
    now,
    newId: systemRuntime.newId,
    knownModels,
  });
  if (imported.outcome === 'unchanged') return;
  log(`The catalogue ${id} is on offer in version ${imported.version}.`);
  if (previous === undefined) return;
  if (previous.catalogueId === id) {
    log(
      'Subscriptions that exist stay with the version they were sold under, until it is published to them.',
    );
  } else {
    await moveSubscriptions(pool, imported.id, log);
  }
}

/** Whoever starts with another catalogue means everybody, the demo account too. */
async function moveSubscriptions(pool: Pool, versionId: string, log: StepContext['log']): Promise<void> {
  const { id } = await publishCatalogue(pool, systemRuntime, {
    versionId,
    migration: 'now',
    by: { actor: AUTHOR, requestId: null },
    reason: 'started with this catalogue',
  });
  const run = createRolloutRunner({
    pool,
    runtime: systemRuntime,
    onFailure: (_rollout, accountId, error) =>
      log(`The account ${accountId} was not moved: ${String(error)}`),
  });
  await run(new AbortController().signal);
  const moved = await createRolloutStore(pool).find(id);
  log(`${moved?.accountsDone ?? 0} subscriptions were moved to it.`);
}

function tellPrices(
  { addedRows, changedModels, contradictions }: ImportResult,
  source: string,
  log: (line: string) => void,
) {
  if (addedRows + changedModels > 0) {
    log(`${source} brought ${addedRows} prices; ${changedModels} models are new or described anew.`);
  }
  for (const row of contradictions)
    log(`${source} contradicts what is recorded, which stays: ${describe(row)}`);
}

function describe({ provider, model, class: unitClass, validFrom }: PriceRow): string {
  return `${unitClass} of ${provider}/${model} from ${validFrom}`;
}

/** In the order in which they depend on each other. */
export const bootstrapSteps: readonly BootstrapStep[] = [
  { name: 'prices', run: addPriceBook },
  { name: 'catalogue', run: addCatalogue },
];

/**
 * Fills a migrated database with what the services expect to find.
 *
 * @returns the demo account, where there is a key for it.
 * @throws Error naming the step that failed.
 */
export async function bootstrap(context: BootstrapContext): Promise<Demo | undefined> {
  const pool = createPool({
    connectionString: context.databaseUrl,
    max: 2,
    applicationName: 'inkmeter-bootstrap',
    statementTimeoutMs: 60_000,
  });
  try {
    for (const { name, run } of bootstrapSteps) {
      try {
        await run({ ...context, pool });
      } catch (cause) {
        throw new Error(`The first data could not be written (${name}): ${String(cause)}`, { cause });
      }
    }
    const { demoApiKey } = context;
    return demoApiKey === undefined ? undefined : await setUpDemo(pool, demoApiKey, AUTHOR);
  } finally {
    await pool.end();
  }
}
