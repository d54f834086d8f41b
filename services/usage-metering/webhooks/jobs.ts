import type { SecretBox } from '#libs/auth/secret-box.ts';
import type { Database } from '#libs/db/database.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import { sealedAgain } from './domain/signature.ts';
import { listEndpointsSealedOtherwise, replaceSecrets } from './store.ts';

export type WebhookTaskOptions = { database: Database; secretBox: SecretBox };

/** `encrypt-webhook-secrets` encrypts with the first key what is in plain text, or was encrypted with another key. */
export function webhookTasks({ database, secretBox }: WebhookTaskOptions): Task[] {
  return [
    defineTask({
      name: 'encrypt-webhook-secrets',
      schedule: { cron: '*/15 * * * *' },
      run: async (_, { logger }) => {
        const endpoints = await listEndpointsSealedOtherwise(database, secretBox.prefix);
        for (const endpoint of endpoints)
          await replaceSecrets(database, endpoint, sealedAgain(endpoint, secretBox));
        if (endpoints.length > 0) logger.info({ endpoints: endpoints.length }, 'webhook secrets encrypted');
      },
    }),
  ];
}
