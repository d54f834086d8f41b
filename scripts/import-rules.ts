import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const PURE_LIBS = 'money pricing catalogue pipelines contracts problems';
const IO_LIBS =
  'config db ledger auth audit jobs outbox storage mail http tokens service clients embedded simulators testing';
const SERVICES = 'gateway billing usage-metering generation';
const any = (words: string) => `(?:${words.replaceAll(' ', '|')})`;

/** The role of a file; the first match wins. A file that matches none fails the check. */
const PLACES = [
  ['test', /^(libs|services|deploy|scripts|prove|bench)\/.+(\.(test|fixture)|\/fixtures)\.ts$/],
  ['pure lib', new RegExp(`^libs/${any(PURE_LIBS)}/`)],
  ['test lib', /^libs\/(testing|simulators)\//],
  ['I/O lib', new RegExp(`^libs/${any(IO_LIBS)}/`)],
  ['main', new RegExp(`^services/${any(SERVICES)}/main\\.ts$`)],
  ['app', new RegExp(`^services/${any(SERVICES)}/app\\.ts$`)],
  ['config', new RegExp(`^services/${any(SERVICES)}/config\\.ts$`)],
  ['plugin', new RegExp(`^services/${any(SERVICES)}/.+/plugin\\.ts$`)],
  ['routes', new RegExp(`^services/${any(SERVICES)}/.+/([a-z-]+-)?routes\\.ts$`)],
  ['store', new RegExp(`^services/${any(SERVICES)}/.+/([a-z-]+-)?store\\.ts$`)],
  ['jobs', new RegExp(`^services/${any(SERVICES)}/.+/([a-z-]+-)?jobs\\.ts$`)],
  ['domain', new RegExp(`^services/${any(SERVICES)}/.+/domain(/[a-z-]+)?\\.ts$`)],
  ['step', new RegExp(`^services/${any(SERVICES)}/[a-z-]+/(.+/)?[a-z0-9-]+\\.ts$`)],
  ['deployment', /^deploy\/(local|catalogues|docker|kubernetes|observability|citus)\//],
  ['script', /^scripts\/(mutants\/)?[a-z-]+\.ts$/],
  ['proof', /^prove\//],
  ['benchmark', /^bench\//],
  ['tool configuration', /^drizzle\.config\.ts$/],
] as const satisfies readonly (readonly [string, RegExp])[];

export type Place = (typeof PLACES)[number][0];

const LIBS: Place[] = ['pure lib', 'I/O lib'];
/** What the other features of a service may import from a feature. */
const EXPORTED: Place[] = ['plugin', 'domain'];
const FEATURE: Place[] = ['plugin', 'routes', 'store', 'jobs', 'domain', 'step'];

type Allowed = {
  /** Files that belong to no service. */
  shared: Place[];
  /** In the same feature. */
  feature?: Place[];
  /** In the same service. */
  service?: Place[];
};

/** What a file of each place may import. The rules below limit packages. */
const ALLOWED: Record<Place, Allowed | 'anything'> = {
  test: 'anything',
  'pure lib': { shared: ['pure lib'] },
  'I/O lib': { shared: LIBS },
  'test lib': { shared: [...LIBS, 'test lib'] },
  main: { shared: LIBS, service: ['app', 'config'] },
  app: { shared: LIBS, service: ['config', 'jobs', ...EXPORTED] },
  config: { shared: LIBS, service: ['domain', 'step'] },
  plugin: { shared: LIBS, feature: FEATURE, service: ['config', ...EXPORTED] },
  routes: { shared: LIBS, feature: ['routes', 'domain', 'step', 'store'], service: EXPORTED },
  store: { shared: LIBS, feature: ['store', 'domain'], service: ['domain', 'store'] },
  jobs: { shared: LIBS, feature: ['jobs', 'domain', 'store', 'step'], service: EXPORTED },
  domain: { shared: LIBS, feature: ['domain'], service: ['domain'] },
  step: { shared: LIBS, feature: ['domain', 'store', 'step', 'jobs'], service: EXPORTED },
  deployment: 'anything',
  script: 'anything',
  proof: 'anything',
  benchmark: 'anything',
  'tool configuration': { shared: LIBS },
};

/** Each vendor's SDK, and the one folder that imports it. The simulator of Stripe has the SDK's types for its objects. */
const VENDOR_SDKS = {
  openai: ['services/generation/providers/openai/'],
  '@anthropic-ai/sdk': ['services/generation/providers/anthropic/'],
  '@google/generative-ai': ['services/generation/providers/gemini/'],
  stripe: ['services/billing/payments/stripe/', 'libs/simulators/stripe/'],
};
const DRIVERS = ['pg', 'drizzle-orm', 'fastify', 'undici', ...Object.keys(VENDOR_SDKS)];
/** Libs that do I/O, except the row types of the schema. */
const IO_FOLDERS = /^libs\/(db\/(?!schema\/)|http|clients|config|jobs|outbox|storage|audit|embedded)/;
/** Development tools that production code uses if they are installed. */
const OPTIONAL_PACKAGES = ['pino-pretty'];

/** One import, export-from or dynamic import of a file. */
export type Import = {
  file: string;
  specifier: string;
  /** A path from the root of the repository for our own files, else the package or `node:` module. */
  target: string;
};

type Rule = {
  name: string;
  applies: (file: string) => boolean;
  allows: (imported: Import) => boolean;
};

/** The role of one of our files; undefined if the table does not cover it. */
export function placeOf(file: string): Place | undefined {
  return PLACES.find(([, pattern]) => pattern.test(file))?.[0];
}

const isOurs = (target: string) => target.endsWith('.ts') || target.endsWith('.json');
const isAt = (...places: Place[]) => {
  const wanted = new Set<Place | undefined>(places);
  return (file: string) => wanted.has(placeOf(file));
};
const isService = (file: string) => file.startsWith('services/');
const firstFolders = (file: string, depth: number) => file.split('/').slice(0, depth).join('/');

/** `libs/money` or `services/gateway`: inside it imports are relative, across it they are `#libs/...`. */
const areaOf = (file: string) => firstFolders(file, /^(libs|services|deploy)\//.test(file) ? 2 : 1);
/** `services/billing/plans`: one feature with its subfolders. */
const featureOf = (file: string) => firstFolders(file, 3);
const packageOf = (target: string) => firstFolders(target, target.startsWith('@') ? 2 : 1);

function mayImport({ file, target }: Import): boolean {
  const place = placeOf(file);
  const allowed = place === undefined ? 'anything' : ALLOWED[place];
  if (allowed === 'anything' || !target.endsWith('.ts')) return true;
  const role = placeOf(target);
  if (role === undefined) return false;
  if (!isService(target)) return allowed.shared.includes(role);
  if (areaOf(file) !== areaOf(target)) return false;
  if (featureOf(file) === featureOf(target)) return (allowed.feature ?? []).includes(role);
  return (allowed.service ?? []).includes(role);
}

function dependencies(): { production: Set<string>; all: Set<string> } {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
  };
  const production = Object.keys(manifest.dependencies);
  return {
    production: new Set(production),
    all: new Set([...production, ...Object.keys(manifest.devDependencies)]),
  };
}

const declared = dependencies();
const isDeclared = (target: string, packages: Set<string>) =>
  isOurs(target) || target.startsWith('node:') || packages.has(packageOf(target));

export const rules: Rule[] = [
  {
    name: 'our own files are imported by their full name, relative inside an area and by # across',
    applies: () => true,
    allows: ({ file, specifier, target }) =>
      !/^[.#]/.test(specifier) ||
      (isOurs(target) && specifier.startsWith('.') === (areaOf(file) === areaOf(target))),
  },
  {
    name: 'a file imports only the places that its own place may use (ALLOWED in scripts/import-rules.ts)',
    applies: () => true,
    allows: mayImport,
  },
  {
    name: 'only tests, proofs and benchmarks import test files',
    applies: (file) => !isAt('test', 'proof', 'benchmark')(file),
    allows: ({ target }) => !isAt('test')(target),
  },
  {
    name: 'tests do not cross services',
    applies: (file) => isAt('test')(file) && isService(file),
    allows: ({ file, target }) => !isService(target) || areaOf(file) === areaOf(target),
  },
  {
    name: 'pure libs import no packages except zod, yaml, croner and node:crypto (for hashes)',
    applies: isAt('pure lib'),
    allows: ({ target }) =>
      isOurs(target) || ['zod', 'yaml', 'croner', 'node:crypto'].includes(packageOf(target)),
  },
  {
    name: 'domain does no I/O',
    applies: isAt('domain'),
    allows: ({ target }) => !DRIVERS.includes(packageOf(target)) && !IO_FOLDERS.test(target),
  },
  {
    name: 'main.ts is started, never imported',
    applies: () => true,
    allows: ({ target }) => !/^(services|libs)\/[^/]+\/main\.ts$/.test(target),
  },
  {
    name: "a vendor's SDK is imported in its one folder",
    applies: (file) => !isAt('test')(file),
    allows: ({ file, target }) => {
      const folders = VENDOR_SDKS[packageOf(target) as keyof typeof VENDOR_SDKS];
      return folders === undefined || folders.some((folder) => file.startsWith(folder));
    },
  },
  {
    name: 'no barrels, except the schema that drizzle-kit reads',
    applies: () => true,
    allows: ({ target }) => !/(^|\/)index\.ts$/.test(target) || target === 'libs/db/schema/index.ts',
  },
  {
    name: 'production code imports production dependencies only',
    applies: (file) =>
      /^(libs|services|deploy)\//.test(file) && !isAt('test')(file) && !file.startsWith('libs/testing/'),
    allows: ({ target }) =>
      isDeclared(target, declared.production) || OPTIONAL_PACKAGES.includes(packageOf(target)),
  },
  {
    name: 'every imported package is in package.json',
    applies: () => true,
    allows: ({ target }) => isDeclared(target, declared.all),
  },
];

function resolveTarget(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return path.posix.join(path.posix.dirname(file), specifier);
  return specifier.startsWith('#') ? specifier.slice(1) : specifier;
}

/** Every import of a source text: static, dynamic, type-only and re-exports. */
export function importsOf(file: string, text: string): Import[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName: specifier }) => ({
    file,
    specifier,
    target: resolveTarget(file, specifier),
  }));
}

/** Every TypeScript file that git knows or would add, and all their imports. Run from the root. */
export function readImports(): { files: string[]; imports: Import[] } {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.ts', '*.mts', '*.cts'], {
    encoding: 'utf8',
  });
  const files = listed
    .split('\n')
    .filter((file) => file !== '' && existsSync(file))
    .sort();
  return { files, imports: files.flatMap((file) => importsOf(file, readFileSync(file, 'utf8'))) };
}

/** The imports that break a rule, as sentences. */
export function findBreaches(imports: Import[]): string[] {
  return imports.flatMap((imported) =>
    rules
      .filter((rule) => rule.applies(imported.file) && !rule.allows(imported))
      .map((rule) => `${imported.file} imports ${imported.specifier}: ${rule.name}`),
  );
}

/** Files that the table does not cover. */
export function findUnplaced(files: string[]): string[] {
  return files
    .filter((file) => placeOf(file) === undefined)
    .map((file) => `${file} is not covered by PLACES in scripts/import-rules.ts`);
}

/** Our own files that are imported but do not exist. */
export function findMissing(imports: Import[]): string[] {
  return imports
    .filter(({ target }) => isOurs(target) && /^(libs|services|deploy|scripts)\//.test(target))
    .filter(({ target }) => !existsSync(target))
    .map(({ file, specifier }) => `${file} imports ${specifier}, which does not exist`);
}

/**
 * Import cycles, including type-only imports, which Biome's rule ignores. Each cycle is the list of its files.
 *
 * Tarjan's algorithm: strongly connected components of more than one file, or of a file that imports itself.
 */
export function findCycles(imports: Import[]): string[][] {
  const edges = Map.groupBy(
    imports.filter(({ target }) => target.endsWith('.ts')),
    ({ file }) => file,
  );
  const indexes = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const onStack = new Set<string>();
  const cycles: string[][] = [];

  function visit(file: string): number {
    const index = indexes.size;
    indexes.set(file, index);
    stack.push(file);
    onStack.add(file);
    let low = index;
    let importsItself = false;
    for (const { target } of edges.get(file) ?? []) {
      importsItself ||= target === file;
      if (!indexes.has(target)) low = Math.min(low, visit(target));
      else if (onStack.has(target)) low = Math.min(low, lowest.get(target) ?? indexes.get(target) ?? low);
    }
    lowest.set(file, low);
    if (low === index) {
      const component = stack.splice(stack.indexOf(file));
      for (const member of component) onStack.delete(member);
      if (component.length > 1 || importsItself) cycles.push(component.sort());
    }
    return low;
  }

  for (const file of edges.keys()) if (!indexes.has(file)) visit(file);
  return cycles;
}

/** All violations in the repository, as sentences. */
export function findFaults(): { faults: string[]; files: string[]; imports: Import[] } {
  const { files, imports } = readImports();
  const cycles = findCycles(imports).map((cycle) => `import cycle: ${cycle.join(' -> ')}`);
  const faults = [...findUnplaced(files), ...findMissing(imports), ...findBreaches(imports), ...cycles];
  return { faults, files, imports };
}
