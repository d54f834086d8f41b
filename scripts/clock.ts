/** `npm run clock`: moves the time of a local installation, to see trials end, renewals, failed payments and grace. */
import path from 'node:path';
import { advanceClock, clockFileOf, timeOf } from '#deploy/local/clock.ts';
import { configSchema } from '#deploy/local/config.ts';
import { openOperatorDatabase } from '#deploy/local/operator-database.ts';
import { scriptPath } from '#deploy/local/supervisor.ts';
import { loadConfig } from '#libs/config/config.ts';
import { loadDotEnv, processEnv } from '#libs/config/env.ts';
import { durationMs } from '#libs/config/variables.ts';
import { createPool } from '#libs/db/pool.ts';
import { LOOPBACK } from '#libs/embedded/ports.ts';

const USAGE = `Usage:
  npm run clock                  shows the time of the local installation
  npm run clock -- advance 32d   moves it forward, and Stripe's simulator with it: 90m, 12h, 32d

The clock only moves forward and at most 400 days at once. Tokens expire as time passes: log in again.
Only the installation of npm start in DATA_FOLDER has a clock that moves, and not with STRIPE_SECRET_KEY or DATABASE_URL.
Exit codes: 0 done; 2 the command failed.`;
const MAX_MOVE_MS = 400 * 24 * 60 * 60_000;

async function main(args: readonly string[]): Promise<string> {
  const [command, amount, ...more] = args;
  loadDotEnv(scriptPath('.env'));
  const env = processEnv();
  const variables = loadConfig(configSchema, env);
  const file = clockFileOf(env, path.resolve(scriptPath('.'), variables.DATA_FOLDER));
  if (file === undefined) {
    throw new Error('This clock cannot be moved: it is real time with STRIPE_SECRET_KEY or DATABASE_URL.');
  }
  if (command === undefined) return timeOf(file).toISOString();
  const byMs = durationMs().safeParse(amount);
  if (command !== 'advance' || amount === undefined || more.length > 0) throw new Error(USAGE);
  if (!byMs.success) throw new Error(`Advance by a duration such as 90m, 12h or 32d, unlike "${amount}".`);
  if (byMs.data > MAX_MOVE_MS) throw new Error('Move the clock by at most 400 days at once.');
  const { url, close } = await openOperatorDatabase();
  const pool = createPool({
    connectionString: url,
    max: 1,
    applicationName: 'inkmeter-clock',
    statementTimeoutMs: 60_000,
  });
  try {
    const stripeUrl = `http://${LOOPBACK}:${variables.STRIPE_SIMULATOR_PORT}`;
    const now = await advanceClock(byMs.data, { file, pool, stripeUrl });
    return `It is ${now.toISOString()}. Renewals and payments that were due have happened; log in again.`;
  } finally {
    await pool.end();
    await close();
  }
}

if (import.meta.main) {
  try {
    console.log(await main(process.argv.slice(2)));
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 2;
  }
}
