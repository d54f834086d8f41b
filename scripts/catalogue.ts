/** `npm run catalogue`: checks a catalogue file, compares two, and publishes one. */
import { existsSync, readFileSync } from 'node:fs';
import { openOperatorDatabase } from '#deploy/local/operator-database.ts';
import { missingIn } from '#libs/catalogue/availability.ts';
import {
  type CatalogueChange,
  describeChanges,
  describeDifference,
  diffCatalogues,
} from '#libs/catalogue/diff.ts';
import { CatalogueError, parseCatalogue } from '#libs/catalogue/parse.ts';
import type { LimitDifference, TermDifference } from '#libs/catalogue/plan-difference.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import { CLI_ACTOR } from '#libs/contracts/audit-entry.ts';
import { MIGRATIONS } from '#libs/contracts/catalogues.ts';
import { createDatabase, transaction } from '#libs/db/database.ts';
import { createPool } from '#libs/db/pool.ts';
import { parsePriceBook, priceRowsOf } from '#libs/pricing/price-book.ts';
import { readYaml } from '#libs/pricing/yaml-document.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import type { Migration } from '#services/billing/catalogues/domain/rollout.ts';
import { importCatalogue, readCatalogueFile } from '#services/billing/catalogues/import-catalogue.ts';
import { publishCatalogue } from '#services/billing/catalogues/publish-catalogue.ts';
import { listKnownModels } from '#services/billing/catalogues/store.ts';
import { importPrices } from '#services/usage-metering/prices/change-prices.ts';

const PRESETS = 'deploy/catalogues';
const USAGE = `Usage:
  npm run catalogue -- check <file>                 lists every issue of a catalogue with its line
  npm run catalogue -- diff <old> <new>             lists what the new catalogue changes
  npm run catalogue -- publish <file> <migration>   makes a catalogue the active one

A file is a path, or the name of a preset such as lily. The migration is what happens to existing subscriptions:
now moves them at once, period_end when their period ends, grandfather keeps them on their version.
publish uses DATABASE_URL, or the database of npm start in DATA_FOLDER, whether it runs or not.
Exit codes: 0 valid, equal or published; 1 invalid or different; 2 the command failed.`;

/** The output of a command and its exit code. */
export type Outcome = { exitCode: 0 | 1 | 2; lines: string[] };

type Source = { file: string; text: string; catalogue: Catalogue; lineOf: (path: PropertyKey[]) => number };

/** Runs a command line, without the program's name. */
export async function runCommand(args: readonly string[]): Promise<Outcome> {
  const [command, ...names] = args;
  try {
    if (command === 'check' && names.length === 1) return check(names[0] ?? '');
    if (command === 'diff' && names.length === 2) return diff(names[0] ?? '', names[1] ?? '');
    if (command === 'publish' && names.length === 2) return await publish(names[0] ?? '', names[1] ?? '');
    return { exitCode: 2, lines: [USAGE] };
  } catch (error) {
    return { exitCode: 2, lines: [error instanceof Error ? error.message : String(error)] };
  }
}

/** Every model must also be in the price book. */
function check(name: string): Outcome {
  const file = fileOf(name);
  const { models: knownModels } = parsePriceBook(readFileSync(`${PRESETS}/prices.yaml`, 'utf8'));
  try {
    const catalogue = parseCatalogue(readFileSync(file, 'utf8'), { knownModels });
    const { id, plans } = catalogue;
    return {
      exitCode: 0,
      lines: [
        `${file}: the catalogue ${id} is valid; ${plans.length} plans`,
        ...describeAvailability(catalogue),
      ],
    };
  } catch (error) {
    if (!(error instanceof CatalogueError)) throw error;
    return { exitCode: 1, lines: describeFaults(file, error) };
  }
}

function describeAvailability(catalogue: Catalogue): string[] {
  const { notYetAvailable } = catalogue;
  const unmarked = missingIn(catalogue).filter((name) => !notYetAvailable.includes(name));
  return [
    ...(notYetAvailable.length === 0 ? [] : [`Not yet available: ${notYetAvailable.join(', ')}`]),
    ...(unmarked.length === 0
      ? []
      : [`Not implemented, and not listed under notYetAvailable: ${unmarked.join(', ')}`]),
  ];
}

function diff(oldName: string, newName: string): Outcome {
  const [before, after] = [read(oldName), read(newName)];
  const changes = diffCatalogues(before.catalogue, after.catalogue);
  if (changes.length === 0) return { exitCode: 0, lines: ['no difference'] };
  return { exitCode: 1, lines: changes.flatMap((change) => locate(change, before, after)) };
}

async function publish(name: string, migration: string): Promise<Outcome> {
  const isMigration = (text: string): text is Migration => (MIGRATIONS as readonly string[]).includes(text);
  if (!isMigration(migration)) {
    return { exitCode: 2, lines: [`Unknown migration: ${migration}. Use ${MIGRATIONS.join(', ')}.`] };
  }
  const fileName = fileOf(name);
  const { url, close } = await openOperatorDatabase();
  const pool = createPool({
    connectionString: url,
    max: 1,
    applicationName: 'inkmeter-catalogue',
    statementTimeoutMs: 60_000,
  });
  try {
    const database = createDatabase(pool);
    const models = await listKnownModels(database);
    const file = readCatalogueFile(readFileSync(fileName, 'utf8'), models.length === 0 ? undefined : models);
    const { id, prices } = file.catalogue;
    await importPrices(
      database,
      { models: [], rows: prices.flatMap(priceRowsOf) },
      { author: `catalogue:${id}`, by: CLI_ACTOR },
      systemRuntime,
    );
    return await transaction(database, async (tx) => {
      const { row } = await importCatalogue(tx, systemRuntime, file, CLI_ACTOR);
      const { accountsTotal } = await publishCatalogue(tx, systemRuntime, {
        versionId: row.id,
        migration,
        by: CLI_ACTOR,
        reason: null,
      });
      const moves = `${accountsTotal} subscriptions move in the background (${migration}).`;
      return {
        exitCode: 0,
        lines: [`The catalogue ${row.catalogueId}, version ${row.version}, is active. ${moves}`],
      };
    });
  } catch (error) {
    if (!(error instanceof CatalogueError)) throw error;
    return { exitCode: 1, lines: describeFaults(fileName, error) };
  } finally {
    await pool.end();
    await close();
  }
}

function fileOf(name: string): string {
  const preset = `${PRESETS}/${name}.yaml`;
  return !existsSync(name) && existsSync(preset) ? preset : name;
}

function describeFaults(file: string, { issues }: CatalogueError): string[] {
  return issues.map(
    ({ line, path, message }) => `${file}:${line}: ${path === '' ? '' : `${path}: `}${message}`,
  );
}

/** @throws Error listing every issue of an invalid file. */
function read(name: string): Source {
  const file = fileOf(name);
  const text = readFileSync(file, 'utf8');
  try {
    return { file, text, catalogue: parseCatalogue(text), lineOf: readYaml(text).lineOf };
  } catch (error) {
    if (!(error instanceof CatalogueError)) throw error;
    throw new Error(describeFaults(file, error).join('\n'), { cause: error });
  }
}

/** One line for each difference, with its place in the file. */
function locate(change: CatalogueChange, before: Source, after: Source): string[] {
  const say = (source: Source, path: PropertyKey[], line: string) =>
    `${source.file}:${source.lineOf(path)}: ${line}`;
  if (change.kind === 'plan_removed') {
    return describeChanges([change]).map((line) => say(before, planPath(before, change.plan), line));
  }
  if (change.kind === 'setting_changed') {
    return describeChanges([change]).map((line) => say(after, [change.setting], line));
  }
  const path = planPath(after, change.plan);
  if (change.kind === 'plan_added') return describeChanges([change]).map((line) => say(after, path, line));

  const none = { featuresGained: [], featuresLost: [], limits: [], terms: [] };
  const lineOf = (difference: Partial<typeof change>) =>
    `plan ${change.plan}: ${describeDifference({ ...none, ...difference }).join('; ')}`;
  return [
    ...change.terms.map((term) => say(after, [...path, ...termPath(term)], lineOf({ terms: [term] }))),
    ...change.limits.map((limit) => {
      const gone = limit.after === null;
      const source = gone ? before : after;
      return say(source, limitPath(source, change.plan, limit), lineOf({ limits: [limit] }));
    }),
    ...change.featuresGained.map((feature) =>
      say(after, [...path, 'features'], lineOf({ featuresGained: [feature] })),
    ),
    ...change.featuresLost.map((feature) =>
      say(after, [...path, 'features'], lineOf({ featuresLost: [feature] })),
    ),
  ];
}

function planPath({ catalogue }: Source, plan: string): PropertyKey[] {
  return ['plans', catalogue.plans.findIndex(({ key }) => key === plan)];
}

/** A term is named by its path in the file; a limit policy belongs to the limits of the plan. */
function termPath({ term }: TermDifference): string[] {
  return term.startsWith('policy ') ? ['limits'] : term.split('.');
}

function limitPath(source: Source, plan: string, { meter, window, scope }: LimitDifference): PropertyKey[] {
  const path = [...planPath(source, plan), 'limits'];
  const limits = source.catalogue.plans.find(({ key }) => key === plan)?.limits ?? [];
  const index = limits.findIndex(
    (limit) => limit.meter === meter && limit.window === window && limit.scope === scope,
  );
  return index === -1 ? path : [...path, index];
}

if (import.meta.main) {
  const { exitCode, lines } = await runCommand(process.argv.slice(2));
  (exitCode === 2 ? console.error : console.log)(lines.join('\n'));
  process.exitCode = exitCode;
}
