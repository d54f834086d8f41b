/** The ledger's SQL speaks the vocabulary of `libs/catalogue/limit.ts`. */
import t from 'tap';
import { COUNTER_SCOPES, LIMIT_STATES, WINDOWS } from '#libs/catalogue/limit.ts';
import { createTestDatabase } from '#libs/testing/database.ts';

const ID = '0190a1b2-0000-7000-8000-00000000a001';

t.test('given the SQL functions of the ledger', async (t) => {
  const { pool } = await createTestDatabase(t);

  await t.test('then every window has a start and an end, and no other word is a window', async (t) => {
    const windowOf = (name: string) =>
      pool.query('SELECT window_end > window_start AS valid FROM ledger_window($1, now(), now(), 1)', [name]);
    for (const window of WINDOWS) t.strictSame((await windowOf(window)).rows, [{ valid: true }], window);
    await t.rejects(windowOf('fortnight'), { code: '22023' });
  });

  await t.test('then usage passes through every state in order', async (t) => {
    const { rows } = await pool.query<{ state: string }>(
      `SELECT ledger_state('n', used, 100, '{80,90,95,100}') AS state FROM generate_series(0, 100) AS used ORDER BY used`,
    );
    t.strictSame([...new Set(rows.map(({ state }) => state))], LIMIT_STATES);
  });

  await t.test('then every scope is one of a counter', async (t) => {
    for (const scope of COUNTER_SCOPES) {
      const { rows } = await pool.query('SELECT ledger_in_scope($1, $2, $3, $3, $3) AS applies', [
        scope,
        ID,
        ID,
      ]);
      t.strictSame(rows, [{ applies: true }], scope);
    }
  });
});
