import t from 'tap';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import { ACCOUNT, createBalances, createTestService, OTHER_ACCOUNT } from '../fixtures.ts';
import { readArchive, storeMonth } from './archive.ts';
import { type ArchivedMonth, detachMonth, listArchives } from './archive-store.ts';
import { readParquet, writeParquet } from './parquet.ts';

const MONTH = '2025-10-01';

t.test('given a month of usage beyond the retention', async (t) => {
  const service = await createTestService(t);
  const { pool, ledger, runtime, database, files } = service;
  const { clock } = runtime;
  await pool.query(`SELECT ledger_ensure_partitions('2025-09-01', 3)`);
  clock.set('2025-10-01T00:00:00.000Z');
  for (const id of [ACCOUNT, OTHER_ACCOUNT]) await createBalances(ledger, id, clock.now());

  async function spend(accountId: string, cost: bigint, more = {}) {
    const id = runtime.newId();
    await ledger.hold(testHold(accountId, id, { cost }));
    await ledger.settle(testSettle(accountId, id, { cost }, { facts: more }));
    return id;
  }
  await spend(ACCOUNT, 5n, {
    model: 'ünï "code", \n',
    otherUnits: { image: 3, search: 2 },
    cacheReadTokens: 7,
  });
  clock.set('2025-10-31T23:59:59.999Z');
  await spend(OTHER_ACCOUNT, 90_000_000n, {
    errorCode: 'x',
    status: 'error',
    inputTokens: undefined,
  });
  await spend(ACCOUNT, 6n);
  clock.set('2025-11-01T00:00:00.000Z');
  const later = await spend(ACCOUNT, 7n);
  clock.set('2026-11-20T12:00:00.000Z');
  const rows = async () =>
    (
      await pool.query(
        `SELECT *, admitted_at::text AS at FROM usage_events ORDER BY account_id, admitted_at, hold_id`,
      )
    ).rows;
  const before = (await rows()).filter(({ at }) => at < '2025-11-01');
  t.equal(before.length, 3);
  const archives = async () => (await listArchives(database)) as ArchivedMonth[];
  const storage = {
    put: async (key: string, { bytes }: { bytes: Buffer }) => void files.set(key, bytes),
    get: async (key: string) => files.get(key),
    delete: async () => undefined,
    signedUrl: async () => null,
  };

  await t.test('when a row is added after it was stored, then it stays in the database', async (t) => {
    const signal = new AbortController().signal;
    const archive = await storeMonth({ database, storage }, MONTH, clock.now(), signal);
    t.equal(await detachMonth(database, MONTH, archive.rows - 1, clock.now()), false);
    t.equal((await rows()).length, 4);
    t.match(await archives(), [{ month: MONTH, rows: 3, detachedAt: null }]);
  });

  await t.test('when the task runs, then only that month moves to files', async (t) => {
    await service.runTask('archive-usage');
    t.strictSame(
      (await rows()).map(({ hold_id }) => hold_id),
      [later],
    );
    t.strictSame([...files.keys()].sort(), [
      'usage/2025-09/manifest.json',
      'usage/2025-10/manifest.json',
      'usage/2025-10/part-0001.parquet',
    ]);
    const { rows: left } = await pool.query(
      `SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'usage_events'::regclass AND c.relname LIKE 'usage_events_2025%'`,
    );
    t.strictSame(left, [{ relname: 'usage_events_2025_11' }]);
    t.match(await archives(), [
      { month: '2025-09-01', rows: 0 },
      { month: MONTH, rows: 3, detachedAt: clock.now() },
    ]);
    await service.runTask('archive-usage');
    t.equal((await archives()).length, 2);
  });

  await t.test('then staff read back exactly what was stored', async (t) => {
    const list = await service.call('GET', '/api/admin/usage/archives', { as: 'support' });
    t.match(list.body.data[1], { month: '2025-10', rows: 3, manifest: 'usage/2025-10/manifest.json' });
    const { body } = await service.call<string>('GET', '/api/admin/usage/archives/2025-10/export.ndjson', {
      as: 'support',
    });
    const read = body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const expected = before.map(({ at: _, ...row }) => ({
      ...row,
      meters: JSON.stringify(row.meters),
      amounts: `[${row.amounts.join(',')}]`,
      other_classes: JSON.stringify(row.other_classes),
      other_amounts: `[${row.other_amounts.join(',')}]`,
      admitted_at: row.admitted_at.toISOString().replace('Z', '000Z'),
      occurred_at: row.occurred_at.toISOString().replace('Z', '000Z'),
    }));
    const plain = (value: unknown) =>
      JSON.parse(JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? each.toString() : each)));
    // the driver reads small bigint columns as numbers or bigints; the export writes them all as texts
    const asText = (row: Record<string, unknown>) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, value === null ? null : String(value)]),
      );
    t.strictSame(read.map(asText), plain(expected).map(asText));
    const lines = body.split(/(?<=\n)/);
    for (const [skip, rest] of [
      [2, lines.slice(2).join('')],
      [3, ''],
    ] as const) {
      const url = `/api/admin/usage/archives/2025-10/export.ndjson?skip=${skip}`;
      const { status, headers, body: continued } = await service.call<string>('GET', url, { as: 'support' });
      t.match({ status, headers }, { status: 200, headers: { 'accept-ranges': 'none' } });
      t.equal(continued || '', rest, `after ${skip} rows`);
    }
    t.match(
      await service.call('GET', '/api/admin/usage/archives/2025-10/export.ndjson?skip=-1', { as: 'support' }),
      { status: 400 },
    );
    t.match(await service.call('GET', '/api/admin/usage/archives/2024-01/export.ndjson', { as: 'support' }), {
      status: 404,
    });
    for (const path of ['/api/admin/usage/archives', '/api/admin/usage/archives/2025-10/export.ndjson'])
      t.match(await service.call('GET', path, { as: 'owner' }), { status: 403 }, path);
    t.match(await service.call('GET', '/api/admin/usage/archives/2025-13/export.ndjson', { as: 'support' }), {
      status: 400,
    });
  });

  await t.test('when a file is damaged, then it is not read as if it were whole', async (t) => {
    const [, archive] = await archives();
    const key = 'usage/2025-10/part-0001.parquet';
    const whole = files.get(key) as Buffer;
    files.set(key, Buffer.concat([whole.subarray(0, -1), Buffer.from([0])]));
    const read = async () => {
      for await (const _ of readArchive(storage, archive as ArchivedMonth));
    };
    await t.rejects(read(), /is not as it was stored/);
    files.delete(key);
    await t.rejects(read(), /has no usage/);
    files.set(key, whole);
  });
});

t.test('a file has every row, also of more than one page', async (t) => {
  const rows = Array.from({ length: 3_000 }, (_, index) => ({
    hold_id: `id-${index}`,
    cost_nano_usd: BigInt(index) * 10n ** 14n,
    late: index % 2 === 0,
    error_code: index % 3 === 0 ? null : 'ü',
    call_index: -index,
  }));
  const read = await readParquet(writeParquet(rows));
  t.equal(read.length, 3_000);
  t.match(read[2_999], rows[2_999]);
  t.match(read[0], { error_code: null, provider: null });
});

t.test('given calls of several accounts, then staff export all of them, and can continue', async (t) => {
  const service = await createTestService(t);
  const { ledger, runtime } = service;
  for (const accountId of [ACCOUNT, OTHER_ACCOUNT]) {
    await createBalances(ledger, accountId, runtime.clock.now());
    await Promise.all(
      Array.from({ length: 260 }, async () => {
        const id = runtime.newId();
        await ledger.hold(testHold(accountId, id, { cost: 1n }));
        await ledger.settle(testSettle(accountId, id, { cost: 1n }));
      }),
    );
  }
  const ndjson = async (query = '') => {
    const { body } = await service.call<string | undefined>('GET', `/api/admin/usage/export.ndjson${query}`, {
      as: 'support',
    });
    return (body ?? '').split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
  };
  const all = await ndjson();
  t.equal(new Set(all.map(({ request_id }) => request_id)).size, 520);
  t.strictSame(
    all.map(({ account_id }) => account_id),
    [ACCOUNT, OTHER_ACCOUNT].flatMap((id) => Array.from({ length: 260 }, () => id)),
  );
  for (const index of [10, 259, 499])
    t.strictSame(await ndjson(`?cursor=${encodeURIComponent(all[index].cursor)}`), all.slice(index + 1));
  t.strictSame(await ndjson(`?to=${runtime.clock.now().toISOString()}`), []);
  t.equal((await ndjson('?provider=openai')).length, 520);
  const csv = await service.call<string>('GET', '/api/admin/usage/export.csv', { as: 'support' });
  t.match(csv.body.split('\n').slice(0, 2), [/^account_id,request_id,/, new RegExp(`^${ACCOUNT},`)]);
  for (const path of ['export.csv', 'export.ndjson']) {
    t.match(await service.call('GET', `/api/admin/usage/${path}`, { as: 'owner' }), { status: 403 });
    t.match(await service.call('GET', `/api/admin/usage/${path}?cursor=x`, { as: 'support' }), {
      status: 400,
    });
  }
});
