import type { Dispatcher } from 'undici';
import type { Database } from '#libs/db/database.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import type { Clock } from '#libs/service/runtime.ts';
import type { ProviderAccess, ProviderKey } from './domain/providers.ts';
import { MODEL_LISTS, readModelList } from './model-lists.ts';
import { recordModelList } from './model-lists-store.ts';

export type ProviderTaskOptions = {
  access: Readonly<Partial<Record<ProviderKey, ProviderAccess>>>;
  database: Database;
  dispatcher: Dispatcher;
  clock: Clock;
};

/** `read-model-lists` records the models that each configured provider lists; usage-metering reports those without a price. */
export function providerTasks({ access, database, dispatcher, clock }: ProviderTaskOptions): Task[] {
  return [
    defineTask({
      name: 'read-model-lists',
      schedule: { cron: '40 4 * * *' },
      run: async (_, { signal, logger }) => {
        for (const [provider, list] of Object.entries(MODEL_LISTS)) {
          const known = access[provider as ProviderKey];
          if (known === undefined) continue;
          try {
            const names = await readModelList(dispatcher, list, known, signal);
            await recordModelList(database, provider, names, clock.now());
            logger.info({ provider, models: names.length }, 'model list read');
          } catch (error) {
            // the list of another provider may well be read
            logger.warn({ err: error, provider }, 'model list not read');
          }
        }
      },
    }),
  ];
}
