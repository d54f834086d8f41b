/**
 * Least privilege: a service may change the tables it owns, run the ledger's functions it needs, and read what the
 * table below says. Ownership is not written down a second time: it is which file of `schema/` a table is in.
 */
import { is } from 'drizzle-orm';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { grantJobSchema } from './job-schema.ts';
import { type ServiceName, serviceRoles } from './roles.ts';
import * as audit from './schema/audit.ts';
import * as billing from './schema/billing.ts';
import * as gateway from './schema/gateway.ts';
import * as generation from './schema/generation.ts';
import * as ledger from './schema/ledger.ts';
import * as metering from './schema/metering.ts';

const OWNED: Readonly<Record<ServiceName, object>> = {
  gateway,
  billing,
  'usage-metering': metering,
  generation,
};

/** Tables of others that a service reads: who belongs to an account, whose trial it is, and which models have prices. */
const READ: Readonly<Record<ServiceName, readonly string[]>> = {
  gateway: [],
  billing: ['accounts', 'users', 'memberships', 'api_keys', 'models', 'audit_log'],
  'usage-metering': ['accounts', 'memberships'],
  generation: [],
};

/** The ledger's tables are written by its functions alone, which run as their owner. */
const LEDGER_FUNCTIONS: Readonly<Record<ServiceName, readonly string[]>> = {
  // Closes what it held for work that never started, gives seats and workspaces back, and tells where limits stand.
  gateway: ['ledger_hold', 'ledger_settle', 'ledger_record', 'ledger_touch'],
  billing: ['ledger_set_limits', 'ledger_touch'],
  'usage-metering': [
    'ledger_expire',
    'ledger_stop',
    'ledger_lift_stop',
    'ledger_ensure_partitions',
    'ledger_touch',
  ],
  generation: ['ledger_hold', 'ledger_settle', 'ledger_record'],
};

/** A view beside the tables of `schema/ledger.ts`. */
const LEDGER_VIEWS = ['ledger_counters'];

const tablesOf = (schema: object): string[] =>
  Object.values(schema)
    .filter((value) => is(value, PgTable))
    .map((table) => getTableConfig(table).name);

const list = (names: readonly string[]) => names.map((name) => pg.escapeIdentifier(name)).join(', ');

/** Grants each service's role what it needs and takes everything else away. Run after every migration. */
export async function grantServiceRoles(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ schema: string }>('SELECT current_schema() AS schema');
  const schema = pg.escapeIdentifier(rows[0]?.schema ?? 'public');
  const statements = [
    `REVOKE ALL ON ALL TABLES IN SCHEMA ${schema} FROM PUBLIC`,
    `REVOKE CREATE ON SCHEMA ${schema} FROM PUBLIC`,
    ...(await guardLedgerFunctions(client, schema)),
  ];
  for (const service of Object.keys(serviceRoles) as ServiceName[]) {
    const role = pg.escapeIdentifier(serviceRoles[service]);
    const readable = [...tablesOf(ledger), ...LEDGER_VIEWS, ...READ[service]];
    statements.push(
      `REVOKE ALL ON ALL TABLES IN SCHEMA ${schema} FROM ${role}`,
      `GRANT USAGE ON SCHEMA ${schema} TO ${role}`,
      `GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${schema} TO ${role}`,
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ${list(tablesOf(OWNED[service]))} TO ${role}`,
      `GRANT SELECT ON ${list(readable)} TO ${role}`,
      // Every service adds audit entries; none changes or deletes them.
      `GRANT INSERT ON ${list(tablesOf(audit))} TO ${role}`,
    );
  }
  await client.query(statements.join(';\n'));
  await grantJobSchema(client);
}

/** Makes the ledger's entry points run as the owner of its tables, for the services that may call them. */
async function guardLedgerFunctions(client: pg.ClientBase, schema: string): Promise<string[]> {
  const entries = new Set(Object.values(LEDGER_FUNCTIONS).flat());
  const { rows } = await client.query<{ name: string; signature: string }>(
    `SELECT p.proname AS name, p.oid::regprocedure::text AS signature FROM pg_proc p
      WHERE p.pronamespace = current_schema()::regnamespace AND p.proname = ANY ($1)`,
    [[...entries]],
  );
  const missing = [...entries].filter((name) => !rows.some((row) => row.name === name));
  if (missing.length > 0) throw new Error(`The database has no function ${missing.join(', ')}.`);
  return rows.flatMap(({ name, signature }) => [
    // A fixed search path, or a caller could put tables of its own in front of the ledger's.
    `ALTER FUNCTION ${signature} SECURITY DEFINER SET search_path = ${schema}, pg_temp`,
    `REVOKE ALL ON FUNCTION ${signature} FROM PUBLIC`,
    ...(Object.keys(serviceRoles) as ServiceName[])
      .filter((service) => LEDGER_FUNCTIONS[service].includes(name))
      .map(
        (service) =>
          `GRANT EXECUTE ON FUNCTION ${signature} TO ${pg.escapeIdentifier(serviceRoles[service])}`,
      ),
  ]);
}
