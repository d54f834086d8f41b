import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const PURE_LIBS = ['money', 'pricing', 'catalogue', 'pipelines', 'contracts', 'problems'];
const IO_LIBS = [
  'config',
  'db',
  'ledger',
  'auth',
  'audit',
  'outbox',
  'channel',
  'http',
  'tokens',
  'service',
  'clients',
  'simulators',
  'testing',
];
/** Every vendor's SDK, and the folder that alone may import it. */
const VENDOR_SDKS = {
  openai: 'services/generation/providers/openai/',
  '@anthropic-ai/sdk': 'services/generation/providers/anthropic/',
  '@google/generative-ai': 'services/generation/providers/gemini/',
  stripe: 'services/billing/stripe/',
};
/** Development tools that running code uses when they happen to be installed. */
const OPTIONAL_PACKAGES = ['pino-pretty'];
const DRIVERS = ['pg', 'drizzle-orm', 'fastify', 'undici', ...Object.keys(VENDOR_SDKS)];

/** One import: which file says what, and where that leads. */
export type Import = {
  file: string;
  specifier: string;
  /** A path from the root of the repository for our own files, else the package or `node:` module. */
  target: string;
};

type Rule = {
  name: string;
  /** The files that the rule is about. */
  applies: (file: string) => boolean;
  /** Whether an import by such a file keeps the rule. */
  allows: (imported: Import) => boolean;
};

const isTest = (file: string) => /\.(test|fixture)\.ts$|(^|\/)fixtures?(\.ts$|\/)/.test(file);
const isOurs = (target: string) => target.endsWith('.ts') || target.endsWith('.json');
const isIn = (folders: string[]) => (file: string) => folders.some((folder) => file.startsWith(`${folder}/`));
const pureLib = isIn(PURE_LIBS.map((lib) => `libs/${lib}`));
const anyLib = isIn([...PURE_LIBS, ...IO_LIBS].map((lib) => `libs/${lib}`));
const packageOf = (target: string) =>
  target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');

/** `libs/money` or `services/gateway`: inside it imports are relative, across it they are `#libs/...`. */
const areaOf = (file: string) =>
  file
    .split('/')
    .slice(0, /^(libs|services|deploy)\//.test(file) ? 2 : 1)
    .join('/');

/** The folder or file directly under a service: `routes`, `domain`, `store`, `jobs`, `app.ts`, ... */
const partOf = (file: string) => (file.startsWith('services/') ? (file.split('/')[2] ?? '') : '');
const inPart = (part: string) => (file: string) => partOf(file) === part && !isTest(file);
const notToParts = (parts: string[]) => (imported: Import) =>
  areaOf(imported.file) !== areaOf(imported.target) || !parts.includes(partOf(imported.target));

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

/** The rules, as a table. A file may fall under several. */
export const rules: Rule[] = [
  {
    name: 'our own files are imported by their full name, relative inside an area and by # across',
    applies: () => true,
    allows: ({ file, specifier, target }) =>
      !/^[.#]/.test(specifier) ||
      (isOurs(target) && specifier.startsWith('.') === (areaOf(file) === areaOf(target))),
  },
  {
    name: 'pure libs import pure libs, zod and yaml only',
    applies: (file) => pureLib(file) && !isTest(file),
    allows: ({ target }) => pureLib(target) || ['zod', 'yaml'].includes(packageOf(target)),
  },
  {
    name: 'libs never import a service, and only test helpers import the local deployment',
    applies: anyLib,
    allows: ({ file, target }) =>
      !isOurs(target) || anyLib(target) || (isIn(['libs/testing'])(file) && isIn(['deploy/local'])(target)),
  },
  {
    name: 'services import themselves and libs, never another service or the deployment',
    applies: isIn(['services']),
    allows: ({ file, target }) => !isOurs(target) || anyLib(target) || areaOf(file) === areaOf(target),
  },
  {
    name: 'test helpers and simulators stay out of what runs in production',
    applies: (file) =>
      isIn(['libs', 'services'])(file) && !isTest(file) && !isIn(['libs/testing', 'libs/simulators'])(file),
    allows: ({ target }) => !isIn(['libs/testing', 'libs/simulators'])(target),
  },
  {
    name: 'domain decides and does no I/O',
    applies: inPart('domain'),
    allows: (imported) =>
      notToParts(['routes', 'store', 'jobs', 'app.ts', 'main.ts'])(imported) &&
      !DRIVERS.includes(packageOf(imported.target)),
  },
  {
    name: 'routes reach the store through what app.ts hands them',
    applies: inPart('routes'),
    allows: notToParts(['store', 'jobs', 'app.ts', 'main.ts']),
  },
  {
    name: 'the store knows neither routes nor jobs',
    applies: inPart('store'),
    allows: notToParts(['routes', 'jobs', 'app.ts', 'main.ts']),
  },
  {
    name: 'main.ts is started, never imported',
    applies: () => true,
    allows: ({ target }) => !/^(services|libs)\/[^/]+\/main\.ts$/.test(target),
  },
  {
    name: "a vendor's SDK is imported in its one folder",
    applies: (file) => !isTest(file),
    allows: ({ file, target }) => {
      const folder = VENDOR_SDKS[packageOf(target) as keyof typeof VENDOR_SDKS];
      return folder === undefined || file.startsWith(folder);
    },
  },
  {
    name: 'no barrels but the schema that drizzle-kit reads',
    applies: () => true,
    allows: ({ target }) => !/(^|\/)index\.ts$/.test(target) || target === 'libs/db/schema/index.ts',
  },
  {
    name: 'what runs in production imports production dependencies only',
    applies: (file) => isIn(['libs', 'services', 'deploy'])(file) && !isTest(file),
    allows: ({ target }) =>
      isDeclared(target, declared.production) || OPTIONAL_PACKAGES.includes(packageOf(target)),
  },
  {
    name: 'every package that is imported is in package.json',
    applies: () => true,
    allows: ({ target }) => isDeclared(target, declared.all),
  },
];

function resolveTarget(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return path.posix.join(path.posix.dirname(file), specifier);
  return specifier.startsWith('#') ? specifier.slice(1) : specifier;
}

/** Every import of a source text: static, dynamic, of types, and re-exports. */
export function importsOf(file: string, text: string): Import[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName: specifier }) => ({
    file,
    specifier,
    target: resolveTarget(file, specifier),
  }));
}

/** Every import of every TypeScript file of the repository. Run from its root. */
export function readImports(): { files: string[]; imports: Import[] } {
  const files = globSync('{libs,services,deploy,scripts,bench,prove}/**/*.ts').sort();
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

/** Folders under libs that the table does not name: they would escape its rules. */
export function findUnknownLibs(files: string[]): string[] {
  const areas = new Set(files.filter((file) => file.startsWith('libs/')).map(areaOf));
  return [...areas].filter((area) => !anyLib(`${area}/`));
}

/** Our own files that are imported but do not exist. */
export function findMissing(imports: Import[]): string[] {
  return imports
    .filter(({ target }) => isOurs(target) && /^(libs|services|deploy|scripts)\//.test(target))
    .filter(({ target }) => !existsSync(target))
    .map(({ file, specifier }) => `${file} imports ${specifier}, which does not exist`);
}
