import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { ConfigRow } from '#libs/config/config.ts';
import { type ConfigSource, readSources } from './config-sources.ts';
import { CONFIGURATION_FILE, checkConfigurationPage, writeConfigurationPage } from './configuration.ts';

const FILE = '.env.example';
const HEADER = `# Every variable of Inkmeter with its default. Copy this file to .env and uncomment the variables you change.
# A secret may come from a file instead: DATABASE_URL_FILE=/run/secrets/database-url in place of DATABASE_URL, and so on.
# Generated from the services' schemas by \`npm run env\`: edit the schemas, not this file.
`;

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

/** Faults of the file and of the page of variables; empty if both match the schemas. */
export async function checkEnvExample(): Promise<string[]> {
  const sources = await readSources();
  const written = existsSync(FILE) ? readFileSync(FILE, 'utf8') : '';
  const isCurrent = written === renderEnvExample(sources);
  return [
    ...(isCurrent ? [] : [`${FILE} is out of date: run \`npm run env\``]),
    ...checkConfigurationPage(sources),
  ];
}

if (import.meta.main) {
  const sources = await readSources();
  writeFileSync(FILE, renderEnvExample(sources));
  writeConfigurationPage(sources);
  console.log(`Wrote ${FILE} and ${CONFIGURATION_FILE}.`);
}
