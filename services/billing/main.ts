import { startService } from '#libs/service/start-service.ts';
import { buildApp } from './app.ts';
import { configSchema, toPaymentTerms } from './config.ts';

const MS_PER_SECOND = 1000;

await startService({
  name: 'billing',
  configSchema,
  build: ({ variables, service, ...shared }) =>
    buildApp({
      ...shared,
      config: service,
      paymentTerms: toPaymentTerms(variables),
      renewalIntervalSeconds: variables.RENEWAL_INTERVAL / MS_PER_SECOND,
      reminderIntervalSeconds: variables.REMINDER_INTERVAL / MS_PER_SECOND,
    }),
});
