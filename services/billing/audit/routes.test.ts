import t from 'tap';
import type { AuditEntryWire } from '#libs/contracts/audit.ts';
import { ACCOUNT, createTestService, OTHER_ACCOUNT, STAFF, staffCaller } from '../fixtures.ts';

type Page = { data: AuditEntryWire[]; next_cursor: string | null };

const AUDIT = '/api/admin/audit';

t.test('given a week of audited actions', async (t) => {
  const { call, runtime, pool } = await createTestService(t);
  const list = async (query: string) =>
    (await call<Page>('GET', `${AUDIT}${query}`, { as: staffCaller('support') })).body;
  for (let day = 0; day < 7; day += 1) {
    const account = day % 2 === 0 ? ACCOUNT : OTHER_ACCOUNT;
    await call('PUT', `/api/admin/accounts/${account}/segments`, {
      as: staffCaller('admin'),
      body: { segments: [`day_${day}`] },
    });
    await call('PUT', `/api/admin/flags/flag_${day}`, {
      as: staffCaller('admin'),
      body: { enabled: true, rules: [] },
    });
    runtime.clock.advance(86_400_000);
  }

  await t.test('then they are listed newest first, page by page', async (t) => {
    const seen: AuditEntryWire[] = [];
    let cursor = '';
    for (let pages = 0; pages < 5; pages += 1) {
      const { data, next_cursor } = await list(`?actor=${STAFF}&limit=5${cursor}`);
      seen.push(...data);
      if (next_cursor === null) break;
      cursor = `&cursor=${next_cursor}`;
    }
    t.equal(seen.length, 14);
    t.equal(new Set(seen.map(({ id }) => id)).size, 14);
    t.match(seen[0], { action: 'flag.set', subject: 'flag:flag_6', actor: STAFF, account_id: null });
    t.match(seen.at(-1), {
      action: 'segments.set',
      subject: `account:${ACCOUNT}`,
      account_id: ACCOUNT,
      before: { segments: [] },
      after: { segments: ['day_0'] },
      request_id: /^[0-9a-f-]{36}$/,
    });
  });

  await t.test('then they are found by account, actor, action, subject and time', async (t) => {
    const count = async (query: string) => (await list(`${query}&limit=100`)).data.length;
    t.equal(await count(`?account_id=${ACCOUNT}`), 4);
    t.equal(await count(`?actor=${STAFF}`), 14);
    t.equal(await count('?actor=unknown'), 0);
    t.equal(await count('?action=flag.set'), 7);
    t.equal(await count('?action=flag.'), 7);
    t.equal(await count('?action=flag'), 0);
    t.equal(await count('?subject=flag:flag_3'), 1);
    t.equal(await count('?from=2026-11-21T12:00:00.000Z&to=2026-11-23T12:00:00.000Z'), 4);
  });

  await t.test('then entries cannot be changed or deleted', async (t) => {
    for (const sql of [
      `UPDATE audit_log SET actor = 'another user'`,
      'DELETE FROM audit_log',
      'TRUNCATE audit_log',
    ]) {
      await t.rejects(pool.query(sql), { code: '23001' }, sql);
    }
  });

  await t.test('then an invalid query is refused, and only staff may read', async (t) => {
    for (const query of ['?cursor=1', '?limit=0', '?limit=101', '?account_id=me', '?from=yesterday']) {
      t.equal((await call('GET', `${AUDIT}${query}`, { as: staffCaller('admin') })).status, 400, query);
    }
    t.equal((await call('GET', AUDIT, { as: staffCaller('none') })).status, 403);
    t.equal((await call('GET', AUDIT)).status, 401);
  });
});
