import type { SecretBox } from '#libs/auth/secret-box.ts';
import type { Database } from '#libs/db/database.ts';
import { sealAgainTask } from '#libs/jobs/seal-again.ts';
import type { Task } from '#libs/jobs/task.ts';
import { sealedAgain } from './domain/signature.ts';
import { listEndpointsSealedOtherwise, replaceSecrets } from './store.ts';

export type WebhookTaskOptions = { database: Database; secretBox: SecretBox };

export function webhookTasks({ database, secretBox }: WebhookTaskOptions): Task[] {
  return [
    sealAgainTask({
      name: 'encrypt-webhook-secrets',
      list: () => listEndpointsSealedOtherwise(database, secretBox.prefix),
      seal: (endpoint) => replaceSecrets(database, endpoint, sealedAgain(endpoint, secretBox)),
    }),
  ];
}
