import { Agent } from 'undici';
import { createAccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { startService } from '#libs/service/start-service.ts';
import { loadEncodings } from '#libs/tokens/count-tokens.ts';
import { buildApp } from './app.ts';
import { configSchema, toGenerationConfig } from './config.ts';

/** Settlements share statements; connections beyond the ledger's writers would only wait for each other. */
const LEDGER_CONNECTIONS = 4;
/** Time to settle requests that were ended at shutdown. */
const SETTLING_TIME_MS = 5_000;

// An emergency stop counts what its requests have produced, and must not wait for the tables of the tokenizers.
await loadEncodings();

await startService({
  name: 'generation',
  configSchema,
  build: ({ variables, service, openPool, openListener, connectTo, closeAtEnd, ...shared }) => {
    const ledger = createLedger({ pool: openPool('ledger', LEDGER_CONNECTIONS) });
    const listener = openListener();
    const billing = connectTo('billing', variables.BILLING_URL).client;
    const dispatcher = new Agent({
      connections: variables.PROVIDER_CONNECTIONS,
      pipelining: 1,
      connect: { timeout: variables.PROVIDER_CONNECT_TIMEOUT },
      // Calls have their own timeouts, which distinguish a silent provider from a slow one.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    closeAtEnd(() => dispatcher.close());
    const { app, tasks, endRequests, requestsIdle, dropClients, conditions } = buildApp({
      ...shared,
      config: toGenerationConfig(variables),
      ledger,
      listener,
      dispatcher,
      entitlements: createAccountEntitlements({ billing, listener, runtime: shared.runtime }),
    });
    return {
      app,
      tasks,
      taskOptions: {
        concurrency: variables.STEP_CONCURRENCY,
        stopMs: Math.max(SETTLING_TIME_MS, service.shutdownTimeoutMs - SETTLING_TIME_MS),
      },
      conditions,
      onStop: () => {
        // Requests still running shortly before the shutdown timeout are ended and pay for what they produced.
        setTimeout(endRequests, Math.max(0, service.shutdownTimeoutMs - SETTLING_TIME_MS)).unref();
      },
      flush: async () => {
        dropClients();
        // calls whose clients left are drained, or ended by the timer above
        await requestsIdle();
        await ledger.idle();
      },
    };
  },
});
