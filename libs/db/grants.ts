/**
 * Least privilege on tables: a service may change the tables it owns and read those listed below. The file of `schema/`
 * that defines a table says who owns it. Rights to run a function are in the function's file in `migrations/functions`.
 */
import { is } from 'drizzle-orm';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import pg from 'pg';
import type { ServiceName } from '#libs/contracts/internal-context.ts';
import { grantJobSchema } from './job-schema.ts';
import { serviceRoles } from './roles.ts';
import * as audit from './schema/audit.ts';
import * as autopilots from './schema/autopilots.ts';
import * as billing from './schema/billing.ts';
import * as gateway from './schema/gateway.ts';
import * as generation from './schema/generation.ts';
import * as generations from './schema/generations.ts';
import * as integrations from './schema/integrations.ts';
import * as knowledge from './schema/knowledge.ts';
import * as ledger from './schema/ledger.ts';
import * as metering from './schema/metering.ts';
import * as notifications from './schema/notifications.ts';
import * as outbox from './schema/outbox.ts';
import * as streams from './schema/streams.ts';
import * as stripe from './schema/stripe.ts';
import * as webhooks from './schema/webhooks.ts';

const OWNED: Readonly<Record<ServiceName, object>> = {
  gateway: { ...gateway, ...streams },
  billing: { ...billing, ...stripe },
  'usage-metering': { ...metering, ...notifications, ...outbox, ...streams, ...webhooks },
  generation: { ...autopilots, ...generation, ...generations, ...integrations, ...knowledge },
};

/** Columns of other services' tables that a service reads, where the others are secret. */
const READ_COLUMNS: Readonly<Partial<Record<ServiceName, Readonly<Record<string, readonly string[]>>>>> = {
  billing: {
    users: ['id', 'email', 'email_normalised', 'name', 'platform_role', 'created_at'],
    api_keys: ['id', 'account_id', 'created_by', 'name', 'limits', 'created_at', 'expires_at', 'revoked_at'],
  },
};

/** Tables of other services that a service reads. */
const READ: Readonly<Record<ServiceName, readonly string[]>> = {
  gateway: ['stop_notices'],
  billing: ['accounts', 'brandings', 'memberships', 'models', 'audit_log'],
  'usage-metering': ['accounts', 'end_users', 'memberships', 'vendor_models'],
  generation: ['brandings', 'stop_notices'],
};

const LEDGER_VIEWS = ['ledger_counters', 'ledger_holds', 'usage_daily'];

/** The services that hold or settle. */
const LEDGER_WRITERS: readonly ServiceName[] = ['gateway', 'generation', 'usage-metering'];

/**
 * What a transaction of `libs/ledger` writes itself. Recorded facts cannot be changed or deleted; limits, windows and
 * stops are written only by functions, which run as their owner.
 */
const LEDGER_WRITES: Readonly<Record<string, string>> = {
  ledger_balances: 'UPDATE (used, held)',
  ledger_windows: 'UPDATE (used, held)',
  ledger_decisions: 'INSERT',
  ledger_open_holds: 'INSERT, DELETE, UPDATE (remaining, settled_calls, expires_at)',
  ledger_ended_holds: 'INSERT',
  usage_events: 'INSERT',
  usage_daily_changes: 'INSERT',
  threshold_events: 'INSERT',
};

const tablesOf = (schema: object): string[] =>
  Object.values(schema)
    .filter((value) => is(value, PgTable))
    .map((table) => getTableConfig(table).name);

const list = (names: readonly string[]) => names.map((name) => pg.escapeIdentifier(name)).join(', ');

/** Revokes all table rights of the service roles, then grants each what it needs. Runs after every migration. */
export async function grantServiceRoles(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ schema: string }>('SELECT current_schema() AS schema');
  const schema = pg.escapeIdentifier(rows[0]?.schema ?? 'public');
  const statements = [
    `REVOKE ALL ON ALL TABLES IN SCHEMA ${schema} FROM PUBLIC`,
    `REVOKE CREATE ON SCHEMA ${schema} FROM PUBLIC`,
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
      ...Object.entries(READ_COLUMNS[service] ?? {}).map(
        ([table, columns]) => `GRANT SELECT (${list(columns)}) ON ${list([table])} TO ${role}`,
      ),
      // It delivers mails.
      ...(service === 'gateway' ? [`GRANT SELECT, UPDATE ON ${list(tablesOf(outbox))} TO ${role}`] : []),
      // Every service adds audit entries and events; none changes or deletes audit entries.
      `GRANT INSERT ON ${list([...tablesOf(audit), ...tablesOf(outbox)])} TO ${role}`,
    );
    if (LEDGER_WRITERS.includes(service)) {
      for (const [table, rights] of Object.entries(LEDGER_WRITES))
        statements.push(`GRANT ${rights} ON ${list([table])} TO ${role}`);
    }
  }
  await client.query(statements.join(';\n'));
  await grantJobSchema(client);
}
