/** `npm run staff`: grants, lists and revokes platform roles. */
import { userInfo } from 'node:os';
import { openOperatorDatabase } from '#deploy/local/operator-database.ts';
import type { Actor } from '#libs/contracts/audit-entry.ts';
import { createDatabase, type Database } from '#libs/db/database.ts';
import { createPool } from '#libs/db/pool.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { listStaff, type StaffRole, setPlatformRole } from '#services/gateway/accounts/staff.ts';

const ROLES: readonly StaffRole[] = ['admin', 'support'];
const USAGE = `Usage:
  npm run staff -- grant <email> <role>   gives a user a platform role: admin, or support (may read only)
  npm run staff -- revoke <email>         takes the platform role away
  npm run staff -- list                   lists the users with a platform role

The user must have signed up. Changes take effect at once, also for signed-in users, and are in the audit log.
Uses DATABASE_URL, or the database of npm start in DATA_FOLDER, whether it runs or not.
Exit codes: 0 done; 1 there is no such user; 2 the command failed.`;

/** The output of a command and its exit code. */
export type Outcome = { exitCode: 0 | 1 | 2; lines: string[] };

type Command =
  | { name: 'grant'; email: string; role: StaffRole }
  | { name: 'revoke'; email: string }
  | { name: 'list' };

/** @returns the command, or what is wrong with it. */
export function parseCommand(args: readonly string[]): Command | string {
  const [name, email, role] = args;
  if (name === 'list' && args.length === 1) return { name };
  if (name === 'revoke' && email !== undefined && args.length === 2) return { name, email };
  if (name === 'grant' && email !== undefined && role !== undefined && args.length === 3) {
    const known = ROLES.find((one) => one === role);
    return known === undefined
      ? `Unknown role: ${role}. Use admin or support.`
      : { name, email, role: known };
  }
  return USAGE;
}

export async function runCommand(command: Command, database: Database, by: Actor): Promise<Outcome> {
  if (command.name === 'list') {
    const staff = await listStaff(database);
    const lines = staff.map(
      ({ email, name, role }) => `${role.padEnd(9)}${email}${name ? ` (${name})` : ''}`,
    );
    return { exitCode: 0, lines: lines.length > 0 ? lines : ['No user has a platform role.'] };
  }
  const role = command.name === 'grant' ? command.role : 'none';
  const { email } = command;
  const change = await setPlatformRole(database, systemRuntime, { email, role }, by);
  switch (change.outcome) {
    case 'unknown_user':
      return {
        exitCode: 1,
        lines: [`No user has the address ${email}. Sign up first with POST /api/auth/register.`],
      };
    case 'unchanged':
      return { exitCode: 0, lines: [`${change.email} already has the role ${change.role}.`] };
    case 'changed':
      return { exitCode: 0, lines: [`${change.email}: ${change.before} -> ${change.after}`] };
  }
}

/** `cli:<user of the operating system>`. */
function operator(): Actor {
  try {
    return { actor: `cli:${userInfo().username}`, requestId: null };
  } catch {
    // The user has no name, as in some containers.
    return { actor: 'cli', requestId: null };
  }
}

async function main(args: readonly string[]): Promise<Outcome> {
  const command = parseCommand(args);
  if (typeof command === 'string') return { exitCode: 2, lines: [command] };
  const { url, close } = await openOperatorDatabase();
  const pool = createPool({
    connectionString: url,
    max: 1,
    applicationName: 'inkmeter-staff',
    statementTimeoutMs: 60_000,
  });
  try {
    return await runCommand(command, createDatabase(pool), operator());
  } finally {
    await pool.end();
    await close();
  }
}

if (import.meta.main) {
  const { exitCode, lines } = await main(process.argv.slice(2)).catch(
    (error: unknown): Outcome => ({
      exitCode: 2,
      lines: [error instanceof Error ? error.message : String(error)],
    }),
  );
  for (const line of lines) (exitCode === 0 ? console.log : console.error)(line);
  process.exitCode = exitCode;
}
