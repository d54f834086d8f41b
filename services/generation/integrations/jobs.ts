import { z } from 'zod';
import { PUBLICATION_PROVIDERS } from '#libs/contracts/integrations.ts';
import { sealAgainTask } from '#libs/jobs/seal-again.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import { secretContext } from './domain/integration.ts';
import { PUBLISH_DOCUMENT, type PublishOptions, publishDocument } from './publish.ts';
import { listSealedOtherwise, replaceSecret } from './store.ts';

export function integrationTasks(options: PublishOptions): Task[] {
  const { database, secretBox } = options;
  return [
    defineTask({
      name: PUBLISH_DOCUMENT,
      schema: z.object({
        documentId: z.uuid(),
        provider: z.enum(PUBLICATION_PROVIDERS),
        accountId: z.uuid(),
      }),
      run: (key, { signal }) => publishDocument(options, key, signal),
    }),
    sealAgainTask({
      name: 'encrypt-integration-secrets',
      list: () => listSealedOtherwise(database, secretBox.prefix),
      seal: (row) => replaceSecret(database, row, secretBox.sealAgain(row.secret, secretContext(row))),
    }),
  ];
}
