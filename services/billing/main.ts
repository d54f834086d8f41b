import { startService } from '#libs/service/start-service.ts';
import { buildApp, buildJobs, buildTasks } from './app.ts';
import { configSchema } from './config.ts';
import { createManualPayments } from './payments/manual/driver.ts';

await startService({
  name: 'billing',
  configSchema,
  build: ({ variables, service, ...shared }) => {
    const paymentTerms = {
      payments: createManualPayments(variables.PAYMENT_INSTRUCTIONS),
      graceDays: variables.PAYMENT_GRACE_DAYS,
      requestDays: variables.PAYMENT_REQUEST_DAYS,
    };
    return {
      app: buildApp({ ...shared, config: service, paymentTerms }),
      tasks: buildTasks({ ...shared, paymentTerms }),
      jobs: buildJobs({
        ...shared,
        paymentTerms,
        renewalIntervalMs: variables.RENEWAL_INTERVAL,
        reminderIntervalMs: variables.REMINDER_INTERVAL,
      }),
    };
  },
});
