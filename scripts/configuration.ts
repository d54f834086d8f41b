/** The tables of `docs/configuration.md`: every variable by purpose, from the services' schemas. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { ConfigRow } from '#libs/config/config.ts';
import { SERVICE_NAMES } from '#libs/contracts/internal-context.ts';
import type { ConfigSource } from './config-sources.ts';

export const CONFIGURATION_FILE = 'docs/configuration.md';
const BEGIN = '<!-- Generated from the schemas by `npm run env`: edit the schemas, not these tables. -->';
const END = '<!-- End of the generated tables. -->';

/** The first pattern that matches a variable decides. */
const PURPOSES: readonly (readonly [purpose: string, pattern: RegExp])[] = [
  ['Database', /^DATABASE_|_DATABASE_URL$|^STATEMENT_TIMEOUT$|^POSTGRES_PORT$|^WAL_/],
  ['Requests between services', /^INTERNAL_KEYS$|^(BILLING|USAGE_METERING)_URL$|^GENERATION_URLS$/],
  ['Identity and sign-in', /^JWT_|_TOKEN_TTL$|^EXTERNAL_ISSUER_|^SESSION_/],
  ['Mail', /^EMAIL_|^SMTP_|^MAIL_|^APP_URL$/],
  ['Rate limits and browsers', /^RATE_LIMIT_|^VALKEY_|^MAX_CONNECTIONS_PER_ADDRESS$|^TRUST_PROXY$|^CORS_/],
  [
    'Providers',
    /^(OPENAI|ANTHROPIC|GEMINI|XAI|MISTRAL|STABILITY|TAVILY|SERPER|EXA|FIRECRAWL|OLLAMA|NOTION|HUBSPOT)_|^PROVIDER_|^MODERATION_|^SEARCH_|^SOCIAL_/,
  ],
  [
    'Requests, holds and settlement',
    /^HOLD_|^DEADLINE_|^DRAIN_TIMEOUT$|^SWEEP_|^SPOOL_|^STEP_|^MEDIA_BODY_|^UPLOAD_/,
  ],
  ['Stored files', /^MEDIA_|^S3_|^ARCHIVE_|^USAGE_RETENTION_/],
  [
    'Catalogue, subscriptions and payments',
    /^INKMETER_CATALOGUE$|^PAYMENT|^STRIPE_(?!SIM)|^CHECKOUT_|^RENEWAL_|^REMINDER_/,
  ],
  ['Alerts and webhooks', /^OPERATOR_|^SENTRY_|^WEBHOOK_|^ALERT_|^DELIVERY_|^ENCRYPTION_/],
  ['Logs, traces and metrics', /^LOG_|^OTEL_/],
  [
    'Ports and processes',
    /PORT$|^HOST$|^BODY_LIMIT$|_TIMEOUT$|^EVENT_LOOP_|^DRAIN_DELAY$|^MAX_CONNECTIONS$|^CLOCK_FILE$|^DATA_FOLDER$/,
  ],
];

type Use = { reader: string; row: ConfigRow };

/** Services come first: what they require, `npm start` may provide. */
function usesByVariable(sources: readonly ConfigSource[]): Map<string, Use[]> {
  const isService = ({ name }: ConfigSource) => SERVICE_NAMES.some((service) => service === name);
  const ordered = [...sources.filter(isService), ...sources.filter((source) => !isService(source))];
  const uses = ordered.flatMap(({ name: reader, rows }) => rows.map((row) => ({ reader, row })));
  return Map.groupBy(uses, ({ row }) => row.name);
}

function showReaders(readers: readonly string[]): string {
  const others = readers.filter((reader) => !SERVICE_NAMES.some((service) => service === reader));
  const services = readers.length - others.length;
  return services < SERVICE_NAMES.length ? readers.join(', ') : ['every service', ...others].join(', ');
}

function showDefault(uses: readonly Use[]): string {
  const [first] = uses;
  if (first?.row.required) return 'required';
  if (new Set(uses.map(({ row }) => row.default)).size === 1)
    return first?.row.default ? `\`${first.row.default}\`` : '';
  return uses
    .map(({ reader, row }) => `${reader} ${row.default ? `\`${row.default}\`` : 'unset'}`)
    .join(', ');
}

function renderRow(name: string, uses: readonly Use[]): string {
  const [first] = uses;
  const cells = [
    `\`${name}\``,
    showReaders(uses.map(({ reader }) => reader)),
    showDefault(uses),
    first?.row.secret ? 'secret' : '',
    first?.row.description ?? '',
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** @throws Error for a variable without a purpose. */
export function renderTables(sources: readonly ConfigSource[]): string {
  const byPurpose = new Map(PURPOSES.map(([purpose]) => [purpose, [] as string[]]));
  for (const [name, uses] of usesByVariable(sources)) {
    const purpose = PURPOSES.find(([, pattern]) => pattern.test(name))?.[0];
    if (purpose === undefined)
      throw new Error(`${name} has no purpose: add it to PURPOSES in scripts/configuration.ts`);
    byPurpose.get(purpose)?.push(renderRow(name, uses));
  }
  return [...byPurpose]
    .filter(([, rows]) => rows.length > 0)
    .map(
      ([purpose, rows]) =>
        `### ${purpose}\n\n| variable | read by | default | | meaning |\n| --- | --- | --- | --- | --- |\n${rows.join('\n')}\n`,
    )
    .join('\n');
}

/** The page with its tables renewed; the rest is written by hand. @throws Error when the page has no place for them. */
function renderPage(page: string, sources: readonly ConfigSource[]): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${CONFIGURATION_FILE} needs the comments around its tables.`);
  return `${before}${BEGIN}\n\n${renderTables(sources)}\n${END}${after}`;
}

/** Faults of the page; empty if its tables match the schemas. */
export function checkConfigurationPage(sources: readonly ConfigSource[]): string[] {
  const page = readFileSync(CONFIGURATION_FILE, 'utf8');
  return page === renderPage(page, sources)
    ? []
    : [`${CONFIGURATION_FILE} is out of date: run \`npm run env\``];
}

export function writeConfigurationPage(sources: readonly ConfigSource[]): void {
  writeFileSync(CONFIGURATION_FILE, renderPage(readFileSync(CONFIGURATION_FILE, 'utf8'), sources));
}
