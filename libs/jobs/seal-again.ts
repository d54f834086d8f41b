import { defineTask, type Task } from './task.ts';

export type SealAgainOptions<Row> = {
  name: string;
  /** Rows with a secret that the key in use has not encrypted. */
  list: () => Promise<readonly Row[]>;
  /** Encrypts the secrets of one row with that key. */
  seal: (row: Row) => Promise<void>;
};

/** The task that follows a rotation of the keys that secrets in the database are encrypted with. */
export function sealAgainTask<Row>({ name, list, seal }: SealAgainOptions<Row>): Task {
  return defineTask({
    name,
    schedule: { cron: '*/15 * * * *' },
    run: async (_, { logger }) => {
      const rows = await list();
      for (const row of rows) await seal(row);
      if (rows.length > 0) logger.info({ rows: rows.length }, 'secrets encrypted again');
    },
  });
}
