import { createSecretBox } from '#libs/auth/secret-box.ts';
import { createAccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { entitlementsPath } from '#libs/contracts/entitlements.ts';
import { isPublicAddress } from '#libs/http/public-address.ts';
import { createPublicHttp } from '#libs/http/public-http.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { problem } from '#libs/problems/problems.ts';
import { startService } from '#libs/service/start-service.ts';
import { bucketOf, createStorage } from '#libs/storage/variables.ts';
import { buildApp } from './app.ts';
import { configSchema } from './config.ts';

const TASK_CONCURRENCY = 8;

await startService({
  name: 'usage-metering',
  configSchema,
  build: ({ variables, service, connectTo, openListener, closeAtEnd, ...shared }) => {
    const ledger = createLedger({ pool: shared.pool });
    const billing = connectTo('billing', variables.BILLING_URL).client;
    const listener = openListener();
    const isInNetworks = variables.WEBHOOK_NETWORKS;
    const isAllowedAddress = (address: string) =>
      isPublicAddress(address) || isInNetworks?.(address) === true;
    const http = createPublicHttp({ isAllowed: isAllowedAddress });
    closeAtEnd(() => http.close());
    const { app, tasks, waitingTasks, jobs } = buildApp({
      ...shared,
      config: service,
      ledger,
      listener,
      entitlements: createAccountEntitlements({ billing, listener, runtime: shared.runtime }),
      http,
      secretBox: createSecretBox(variables.ENCRYPTION_KEYS),
      webhookPolicy: { isAllowedAddress, allowsHttp: isInNetworks !== undefined },
      operators: { slackUrl: variables.OPERATOR_SLACK_URL, sentry: variables.SENTRY_DSN },
      storage: createStorage({ folder: variables.ARCHIVE_DIR, s3: bucketOf(variables) }),
      retentionMonths: variables.USAGE_RETENTION_MONTHS ?? null,
      sweepIntervalMs: variables.SWEEP_INTERVAL,
      sweepBatch: variables.SWEEP_BATCH,
      async ensureBalances(accountId, requestId) {
        // Billing creates an account's balances when it is first asked for the account's entitlements.
        const answer = await billing.call({ method: 'GET', path: entitlementsPath(accountId), requestId });
        if (answer.status !== 200)
          throw problem('service_unavailable', { cause: `billing: ${answer.status}` });
      },
    });
    return {
      app,
      tasks,
      taskOptions: { concurrency: TASK_CONCURRENCY },
      jobs,
      waitingTasks: { tasks: waitingTasks, concurrency: variables.DELIVERY_CONCURRENCY },
      flush: ledger.idle,
    };
  },
});
