import { createMailTransport } from '#libs/mail/transport.ts';
import { startService } from '#libs/service/start-service.ts';
import { buildApp } from './app.ts';
import { configSchema, toGatewayConfig } from './config.ts';

/** Holds share statements; connections beyond the ledger's writers would only wait for each other. */
const LEDGER_CONNECTIONS = 4;

await startService({
  name: 'gateway',
  configSchema,
  build: async ({ variables, openPool, openListener, connectTo, ...shared }) => {
    const billing = connectTo('billing', variables.BILLING_URL);
    const usageMetering = connectTo('usage-metering', variables.USAGE_METERING_URL);
    const generation = variables.GENERATION_URLS.map((url) => connectTo('generation', url));
    const config = toGatewayConfig(variables);
    const { smtpUrl: url, from } = config.mail;
    const { app, jobs, tasks, ready, idle } = await buildApp({
      ...shared,
      config,
      ...(url !== undefined && { sendMail: createMailTransport({ url, from }) }),
      listener: openListener(),
      backends: {
        signFor: shared.identity.signFor,
        ledgerPool: openPool('ledger', LEDGER_CONNECTIONS),
        billing: billing.client,
        billingPool: billing.pool,
        usageMetering: usageMetering.client,
        usageMeteringPool: usageMetering.pool,
        generation: {
          clients: generation.map(({ client }) => client),
          pools: generation.map(({ pool }) => pool),
        },
        holdTtlMs: variables.HOLD_TTL,
      },
    });
    return { app, jobs, tasks, readiness: { prices: ready }, flush: idle };
  },
});
