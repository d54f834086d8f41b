/** Slots of streams over several processes: real PostgreSQL, and instances that share nothing else. */
import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import pg from 'pg';
import t from 'tap';
import { createDatabase } from '#libs/db/database.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { createLogger } from './logger.ts';
import { createStreamSlots, deleteExpiredStreamSlots } from './stream-slots.ts';

const runtime = { newId: () => randomUUID() };
const logger = createLogger({ name: 'test', level: 'silent' });

t.test('given two processes on one database', async (t) => {
  const { pool } = await createTestDatabase(t);
  const database = createDatabase(pool);
  const start = () => createStreamSlots({ database, runtime, logger });
  const [one, other] = [start(), start()];
  const openStreams = async (owner: string) => {
    const { rows } = await pool.query('SELECT 1 FROM open_streams WHERE owner = $1', [owner]);
    return rows.length;
  };
  const expire = (owner: string) =>
    pool.query(`UPDATE open_streams SET expires_at = now() - interval '1 ms' WHERE owner = $1`, [owner]);

  await t.test('then together they admit the limit, also at once', async (t) => {
    const taken = await Promise.all(
      Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? one : other).take('at once', 5)),
    );
    t.equal(taken.filter((release) => release !== undefined).length, 5);
    t.ok(await one.take('another owner', 5));
  });

  await t.test('then a released slot is free for both, and released once', async (t) => {
    const release = await one.take('in turn', 1);
    t.equal(await other.take('in turn', 1), undefined);
    release?.();
    release?.();
    while ((await openStreams('in turn')) > 0) await setImmediate();
    const next = await other.take('in turn', 1);
    t.ok(next);
    release?.();
    t.equal(await one.take('in turn', 1), undefined, 'a late release frees nothing');
  });

  await t.test(
    'then a renewal keeps the slots of its process, and those of a killed one expire',
    async (t) => {
      await one.take('renewed', 2);
      await start().take('renewed', 2);
      t.equal(await other.take('renewed', 2), undefined);
      await expire('renewed');
      await one.job.runOnce();
      const { rows } = await pool.query(
        `SELECT (expires_at > now() + interval '25 s' AND expires_at < now() + interval '31 s') AS renewed
         FROM open_streams WHERE owner = 'renewed' ORDER BY 1`,
      );
      t.strictSame(rows, [{ renewed: false }, { renewed: true }]);
      t.ok(await other.take('renewed', 2), 'the slot of the killed process');
      t.equal(await other.take('renewed', 2), undefined);
      t.equal(await deleteExpiredStreamSlots(database), 1);
      t.equal(await openStreams('renewed'), 2);
    },
  );
});

t.test('given a database that does not answer, then streams are admitted', async (t) => {
  const pool = new pg.Pool({ connectionString: 'postgres://127.0.0.1:1/none' });
  t.teardown(() => pool.end());
  const slots = createStreamSlots({ database: createDatabase(pool), runtime, logger });
  const release = await slots.take('a', 1);
  t.ok(release);
  release?.();
  t.ok(await slots.take('a', 1));
});
