/** Who collects payments under `npm start`: Stripe with a key, else its simulator, or staff. */
import path from 'node:path';
import type { Environment } from '#libs/config/env.ts';
import { createDatabase } from '#libs/db/database.ts';
import { createPool } from '#libs/db/pool.ts';
import { LOOPBACK } from '#libs/embedded/ports.ts';
import { createCatalogueVersions } from '#services/billing/catalogues/versions-store.ts';
import { createStripeClient } from '#services/billing/payments/stripe/client.ts';
import { planPublication, publish } from '#services/billing/payments/stripe/publish.ts';
import type { LocalVariables } from './config.ts';
import type { Secrets } from './secrets.ts';

const SIMULATED_KEY = 'sk_test_simulated';
const STATEMENT_TIMEOUT_MS = 60_000;

export type PaymentChoice = {
  kind: 'stripe' | 'simulated' | 'manual';
  /** Of the simulator. */
  url: string;
  port: number;
  /** For billing. */
  env: Record<string, string>;
  /** For the simulator. */
  simulatorEnv: Record<string, string>;
};

export function choosePayments(
  env: Environment,
  { variables, secrets, folder }: { variables: LocalVariables; secrets: Secrets; folder: string },
): PaymentChoice {
  const { STRIPE_SIMULATOR_PORT: port, PAYMENTS, PORT } = variables;
  const url = `http://${LOOPBACK}:${port}`;
  const none = { url, port, env: {}, simulatorEnv: {} };
  if (env.STRIPE_SECRET_KEY) return { ...none, kind: 'stripe' };
  if (PAYMENTS === 'manual') return { ...none, kind: 'manual' };
  return {
    ...none,
    kind: 'simulated',
    env: {
      STRIPE_SECRET_KEY: SIMULATED_KEY,
      STRIPE_WEBHOOK_SECRET: secrets.stripeWebhookSecret,
      STRIPE_HOST: url,
      // The simulator has no limit.
      STRIPE_REQUESTS_PER_SECOND: env.STRIPE_REQUESTS_PER_SECOND || '10000',
      CHECKOUT_RETURN_ORIGINS: env.CHECKOUT_RETURN_ORIGINS || url,
    },
    simulatorEnv: {
      FILE: path.join(folder, 'stripe.json'),
      API_URL: `http://${LOOPBACK}:${PORT}`,
      WEBHOOK_URL: `http://${LOOPBACK}:${PORT}/api/webhooks/stripe`,
      WEBHOOK_SECRETS: secrets.stripeWebhookSecret,
    },
  };
}

/** Publishes the active catalogue to the running simulator. With a real key, operators do it: `npm run stripe -- sync`. */
export async function publishToSimulator({ kind, url }: PaymentChoice, databaseUrl: string): Promise<void> {
  if (kind !== 'simulated') return;
  const pool = createPool({
    connectionString: databaseUrl,
    max: 1,
    applicationName: 'inkmeter-start',
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
  try {
    const active = await createCatalogueVersions().active(createDatabase(pool));
    if (active === undefined) return;
    const stripe = createStripeClient({ secretKey: SIMULATED_KEY, host: url });
    await publish(stripe, await planPublication(stripe, active.catalogue));
  } finally {
    await pool.end();
  }
}
