/** `npm run doctor`: checks an installation and says what to do. */
import { openOperatorDatabase } from '#deploy/local/operator-database.ts';
import { readSecret } from '#libs/config/config.ts';
import { type Environment, processEnv } from '#libs/config/env.ts';
import { createPool } from '#libs/db/pool.ts';
import { type ConfigSource, readSources } from './config-sources.ts';
import { type Check, databaseChecks, type Finding } from './doctor-checks.ts';
import { serviceChecks } from './doctor-service-checks.ts';

const MARKS = { ok: 'ok     ', warning: 'WARNING', failed: 'FAILED ', 'not set up': '-      ' } as const;

/** Runs all checks; one that throws has failed. */
export async function runChecks(
  checks: readonly Check[],
  say: (line: string) => void,
): Promise<{ failed: number; warnings: number }> {
  const count = { failed: 0, warnings: 0 };
  for (const { name, run } of checks) {
    const finding = await run().catch(
      (error: unknown): Finding => ({
        state: 'failed',
        text: error instanceof Error ? error.message : String(error),
      }),
    );
    if (finding.state === 'failed') count.failed += 1;
    if (finding.state === 'warning') count.warnings += 1;
    say(`${MARKS[finding.state]}  ${name.padEnd(20)}  ${finding.text}`);
    if (finding.advice !== undefined) say(`${' '.repeat(31)}${finding.advice}`);
  }
  return count;
}

/** The environment with secrets that are in files (`X_FILE`), as the services read it. */
export function withSecretFiles(env: Environment, sources: readonly ConfigSource[]): Environment {
  const secrets = sources.flatMap(({ rows }) => rows.filter(({ secret }) => secret).map(({ name }) => name));
  return { ...env, ...Object.fromEntries(secrets.map((name) => [name, readSecret(env, name)])) };
}

async function main(): Promise<{ failed: number; warnings: number }> {
  const { url, close } = await openOperatorDatabase();
  const pool = createPool({
    connectionString: url,
    max: 2,
    applicationName: 'inkmeter-doctor',
    statementTimeoutMs: 20_000,
  });
  try {
    const env = withSecretFiles(processEnv(), await readSources());
    return await runChecks([...databaseChecks(pool), ...serviceChecks(env, pool)], (line) =>
      console.log(line),
    );
  } finally {
    await pool.end();
    await close();
  }
}

if (import.meta.main) {
  try {
    const { failed, warnings } = await main();
    console.log(`\n${failed} failed, ${warnings} warnings.`);
    process.exitCode = failed === 0 ? 0 : 1;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 2;
  }
}
