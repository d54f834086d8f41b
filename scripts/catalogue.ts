/** `npm run catalogue`: what is wrong with a catalogue file, and what one changes of another. */
import { existsSync, readFileSync } from 'node:fs';
import {
  type CatalogueChange,
  describeChanges,
  describeDifference,
  diffCatalogues,
} from '#libs/catalogue/diff.ts';
import { CatalogueError, parseCatalogue } from '#libs/catalogue/parse.ts';
import type { LimitDifference, TermDifference } from '#libs/catalogue/plan-difference.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import { parsePriceBook } from '#libs/pricing/price-book.ts';
import { readYaml } from '#libs/pricing/yaml-document.ts';

const PRESETS = 'deploy/catalogues';
const USAGE = `Usage:
  npm run catalogue -- check <file>      says what is wrong with a catalogue, line by line
  npm run catalogue -- diff <old> <new>  says what the new one changes

A file is a path, or the name of a preset such as lily.
Exit codes: 0 right, or no difference; 1 wrong, or different; 2 it could not be told.`;

/** What a command prints, and how it ends. */
export type Outcome = { exitCode: 0 | 1 | 2; lines: string[] };

type Source = { file: string; text: string; catalogue: Catalogue; lineOf: (path: PropertyKey[]) => number };

/** Runs a command line, without the program's name. */
export function runCommand(args: readonly string[]): Outcome {
  const [command, ...names] = args;
  try {
    if (command === 'check' && names.length === 1) return check(names[0] ?? '');
    if (command === 'diff' && names.length === 2) return diff(names[0] ?? '', names[1] ?? '');
    return { exitCode: 2, lines: [USAGE] };
  } catch (error) {
    return { exitCode: 2, lines: [error instanceof Error ? error.message : String(error)] };
  }
}

/** Models must be in the price book that comes with the product, too. */
function check(name: string): Outcome {
  const file = fileOf(name);
  const { models: knownModels } = parsePriceBook(readFileSync(`${PRESETS}/prices.yaml`, 'utf8'));
  try {
    const { plans, id } = parseCatalogue(readFileSync(file, 'utf8'), { knownModels });
    return { exitCode: 0, lines: [`${file}: the catalogue ${id} is right; ${plans.length} plans`] };
  } catch (error) {
    if (!(error instanceof CatalogueError)) throw error;
    return { exitCode: 1, lines: describeFaults(file, error) };
  }
}

function diff(oldName: string, newName: string): Outcome {
  const [before, after] = [read(oldName), read(newName)];
  const changes = diffCatalogues(before.catalogue, after.catalogue);
  if (changes.length === 0) return { exitCode: 0, lines: ['no difference'] };
  return { exitCode: 1, lines: changes.flatMap((change) => locate(change, before, after)) };
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

/** @throws Error with every line that is wrong: what cannot be read cannot be compared. */
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

/** One line for each thing a change says, with the place in the file that says so. */
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

/** Terms are named by where they stand; what a limit does at its end is told for all limits of the plan. */
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
  const { exitCode, lines } = runCommand(process.argv.slice(2));
  (exitCode === 2 ? console.error : console.log)(lines.join('\n'));
  process.exitCode = exitCode;
}
