/** `npm run stripe`: publishes the active catalogue as products and prices of a Stripe account. */
import { openOperatorDatabase } from '#deploy/local/operator-database.ts';
import { scriptPath } from '#deploy/local/supervisor.ts';
import { loadDotEnv, processEnv } from '#libs/config/env.ts';
import { createDatabase } from '#libs/db/database.ts';
import { createPool } from '#libs/db/pool.ts';
import { createCatalogueVersions } from '#services/billing/catalogues/versions-store.ts';
import { createStripeClient } from '#services/billing/payments/stripe/client.ts';
import { describeStep, planPublication, publish } from '#services/billing/payments/stripe/publish.ts';

const USAGE = `Usage:
  npm run stripe -- sync             shows what differs from the active catalogue, and publishes it
  npm run stripe -- sync --dry-run   only shows it

Products and prices are created and archived, never deleted; running subscriptions keep their price. Uses
STRIPE_SECRET_KEY (and STRIPE_HOST for a simulator), and DATABASE_URL or the database of npm start in DATA_FOLDER.
Exit codes: 0 done; 2 the command failed.`;

async function main(args: readonly string[]): Promise<string[]> {
  const [command, option] = args;
  const isDryRun = option === '--dry-run';
  if (command !== 'sync' || args.length > 2 || (option !== undefined && !isDryRun)) throw new Error(USAGE);
  loadDotEnv(scriptPath('.env'));
  const { STRIPE_SECRET_KEY: secretKey, STRIPE_HOST: host } = processEnv();
  if (!secretKey) throw new Error('Set STRIPE_SECRET_KEY.');
  const { url, close } = await openOperatorDatabase();
  const pool = createPool({
    connectionString: url,
    max: 1,
    applicationName: 'inkmeter-stripe',
    statementTimeoutMs: 60_000,
  });
  try {
    const active = await createCatalogueVersions().active(createDatabase(pool));
    if (active === undefined) throw new Error('No catalogue is active.');
    const stripe = createStripeClient({ secretKey, host });
    const steps = await planPublication(stripe, active.catalogue);
    for (const step of steps) console.log(describeStep(step));
    const name = `${active.catalogueId}, version ${active.version}`;
    if (steps.length === 0) return [`Stripe has the active catalogue (${name}).`];
    if (isDryRun) return [`${steps.length} changes for ${name}; nothing was changed.`];
    await publish(stripe, steps);
    return [`Published ${name}: ${steps.length} changes.`];
  } finally {
    await pool.end();
    await close();
  }
}

if (import.meta.main) {
  try {
    for (const line of await main(process.argv.slice(2))) console.log(line);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 2;
  }
}
