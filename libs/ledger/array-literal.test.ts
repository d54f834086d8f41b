import t from 'tap';
import { createTestDatabase } from '#libs/testing/database.ts';
import { plainArray, textArray } from './array-literal.ts';
import { SHARD_COUNT, shardOf } from './shard.ts';

const HOSTILE = [
  '',
  'NULL',
  'null',
  ' spaces ',
  'a,b',
  '{',
  '}',
  '{"a"}',
  '"',
  '\\',
  '\\"',
  '\\\\',
  "'); DROP TABLE ledger_holds; --",
  '$1',
  '\n\r\t',
  '\u0001\u007f',
  'ünïcödé 漢字 🙂',
  '\u2028',
  'x'.repeat(100_000),
];

t.test('any text survives the way into the database and back', async (t) => {
  const { pool } = await createTestDatabase(t, { max: 1 });
  const roundTrip = async (literal: string) =>
    (await pool.query<{ v: (string | null)[] }>('SELECT $1::text[] AS v', [literal])).rows[0]?.v;

  t.strictSame(await roundTrip(textArray(HOSTILE)), HOSTILE);
  t.strictSame(await roundTrip(textArray([null, 'NULL', null])), [null, 'NULL', null]);
  t.strictSame(await roundTrip(textArray([])), []);
  t.strictSame(
    await roundTrip(textArray(['a\0b', '\0'])),
    ['ab', ''],
    'without the one character it cannot hold',
  );
  t.strictSame(
    await roundTrip(textArray(['\ud800x'])),
    ['\ufffdx'],
    'half a character becomes the sign for it',
  );

  const nested = textArray([textArray(HOSTILE.slice(0, -1)), textArray([])]);
  const { rows } = await pool.query('SELECT v::text[] AS v FROM unnest($1::text[]) v', [nested]);
  t.strictSame(
    rows.map(({ v }) => v),
    [HOSTILE.slice(0, -1), []],
    'also as arrays in an array',
  );
});

t.test('numbers, booleans and ids need no quotes', async (t) => {
  const { pool } = await createTestDatabase(t, { max: 1 });
  const { rows } = await pool.query(
    'SELECT $1::bigint[] AS numbers, $2::boolean[] AS booleans, $3::uuid[] AS ids, $4::integer[] AS none',
    [
      plainArray([0n, -1n, 9_223_372_036_854_775_807n, null]),
      plainArray([true, false, null]),
      plainArray(['01912345-6789-7abc-8def-0123456789ab', null]),
      plainArray([]),
    ],
  );
  t.strictSame(rows[0], {
    numbers: [0n, -1n, 9_223_372_036_854_775_807n, null],
    booleans: [true, false, null],
    ids: ['01912345-6789-7abc-8def-0123456789ab', null],
    none: [],
  });
});

t.test('every account has a shard, the low six bits of its id', async (t) => {
  t.equal(shardOf('01912345-6789-7abc-8def-012345678900'), 0);
  t.equal(shardOf('01912345-6789-7abc-8def-01234567893f'), 63);
  t.equal(shardOf('01912345-6789-7abc-8def-012345678940'), 0);
  t.equal(shardOf('01912345-6789-7abc-8def-0123456789ff'), 63);
  t.equal(SHARD_COUNT, 64, 'fixed for ever');
});
