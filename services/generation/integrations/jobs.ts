import { z } from 'zod';
import { PUBLICATION_PROVIDERS } from '#libs/contracts/integrations.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import { secretContext } from './domain/integration.ts';
import { PUBLISH_DOCUMENT, type PublishOptions, publishDocument } from './publish.ts';
import { listSealedOtherwise, replaceSecret } from './store.ts';

/** `encrypt-integration-secrets` encrypts with the first key what was encrypted with another one. */
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
    defineTask({
      name: 'encrypt-integration-secrets',
      schedule: { cron: '*/15 * * * *' },
      run: async (_payload, { logger }) => {
        const rows = await listSealedOtherwise(database, secretBox.prefix);
        for (const row of rows) {
          const context = secretContext(row);
          await replaceSecret(database, row, secretBox.seal(secretBox.open(row.secret, context), context));
        }
        if (rows.length > 0) logger.info({ integrations: rows.length }, 'integration secrets encrypted');
      },
    }),
  ];
}
