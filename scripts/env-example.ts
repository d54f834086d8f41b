import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ConfigRow, type ConfigSchema, describeConfig } from '#libs/config/config.ts';

const FILE = '.env.example';
const HEADER = `# Every variable of Inkmeter with its default. Copy this file to .env and uncomment the variables you change.
# A secret may come from a file instead: DATABASE_URL_FILE=/run/secrets/database-url in place of DATABASE_URL, and so on.
# Generated from the services' schemas by \`npm run env\`: edit the schemas, not this file.
`;

/** Titles of the folders that are not services. */
const TITLES: Record<string, string> = { local: 'npm start', docker: 'the set-up of a production database' };

export type ConfigSource = { name: string; rows: ConfigRow[] };

function render({ name, description, default: fallback, required, secret }: ConfigRow): string {
  const notes = [required ? 'required' : '', secret ? 'secret' : ''].filter((note) => note !== '').join(', ');
  return `# ${description}${notes === '' ? '' : ` (${notes})`}\n#${name}=${fallback ?? ''}\n`;
}

/** A variable of several services with different defaults, which the comment lists. */
function renderShared(name: string, uses: { reader: string; row: ConfigRow }[]): string {
  const [first] = uses;
  if (!first) return '';
  const fallbacks = new Set(uses.map(({ row }) => row.default));
  if (fallbacks.size === 1) return render(first.row);
  const each = uses.map(({ reader, row }) => `${reader} ${row.default ?? 'unset'}`).join(', ');
  return `# ${first.row.description}. By default: ${each}\n#${name}=\n`;
}

/** The text of `.env.example`; variables of several services come once, at the top. */
export function renderEnvExample(sources: ConfigSource[]): string {
  const uses = new Map<string, { reader: string; row: ConfigRow }[]>();
  for (const { name: reader, rows } of sources) {
    for (const row of rows) uses.set(row.name, [...(uses.get(row.name) ?? []), { reader, row }]);
  }
  const shared = [...uses].filter(([, readers]) => readers.length > 1);
  const sections = [
    {
      title: 'read by several services',
      blocks: shared.map(([name, readers]) => renderShared(name, readers)),
    },
    ...sources.map(({ name, rows }) => ({
      title: name,
      blocks: rows.filter((row) => uses.get(row.name)?.length === 1).map(render),
    })),
  ];
  return [
    HEADER,
    ...sections
      .filter(({ blocks }) => blocks.length > 0)
      .map(({ title, blocks }) => `# --- ${title} ---\n\n${blocks.join('\n')}`),
  ].join('\n');
}

/** Reads the schemas that `services/<name>/config.ts` and `deploy/<name>/config.ts` export as `configSchema`. */
export async function readSources(): Promise<ConfigSource[]> {
  const files = [
    ...globSync('deploy/{local,docker}/config.ts').sort().reverse(),
    ...globSync('services/*/config.ts').sort(),
  ];
  return Promise.all(
    files.map(async (file) => {
      const { configSchema } = (await import(pathToFileURL(path.resolve(file)).href)) as {
        configSchema?: ConfigSchema;
      };
      if (!configSchema) throw new Error(`${file} exports no configSchema.`);
      const folder = path.basename(path.dirname(file));
      return { name: TITLES[folder] ?? folder, rows: describeConfig(configSchema) };
    }),
  );
}

/** Faults of the file; empty if it matches the schemas. */
export async function checkEnvExample(): Promise<string[]> {
  const written = existsSync(FILE) ? readFileSync(FILE, 'utf8') : '';
  return written === renderEnvExample(await readSources())
    ? []
    : [`${FILE} is out of date: run \`npm run env\``];
}

if (import.meta.main) {
  writeFileSync(FILE, renderEnvExample(await readSources()));
  console.log(`Wrote ${FILE}.`);
}
