import t from 'tap';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import { ACCOUNT, createBalances, createTestService, KEY, MEMBER, OWNER } from '../fixtures.ts';

t.test('given more calls than one page, then exports have each once and can be continued', async (t) => {
  const service = await createTestService(t);
  const { ledger, runtime } = service;
  await createBalances(ledger, ACCOUNT, runtime.clock.now());
  const spend = async (index: number) => {
    const id = runtime.newId();
    const who = index % 2 === 0 ? { userId: OWNER } : { userId: MEMBER, keyId: KEY };
    await ledger.hold(testHold(ACCOUNT, id, { cost: 1n }, who));
    const model = index === 0 ? '=1+1' : 'gpt-4o-mini';
    await ledger.settle(testSettle(ACCOUNT, id, { cost: 1n }, { facts: { model } }));
  };
  await spend(0);
  runtime.clock.advance(1_000);
  const middle = runtime.clock.now().toISOString();
  await Promise.all(Array.from({ length: 520 }, (_, index) => spend(index + 1)));

  const ndjson = async (query = '', as: 'owner' | 'member' = 'owner') => {
    const { body } = await service.call<string | undefined>('GET', `/api/usage/export.ndjson${query}`, {
      as,
    });
    return (body ?? '').split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
  };
  const all = await ndjson();
  t.equal(new Set(all.map(({ request_id }) => request_id)).size, 521);
  t.strictSame(await ndjson(`?cursor=${encodeURIComponent(all[199].cursor)}`), all.slice(200), 'continued');

  const textOf = async (path: string, as: 'owner' | 'admin' = 'owner') => {
    const { status, body, headers } = await service.call<string>('GET', path, {
      ...{ as, headers: { range: 'bytes=10-' } },
    });
    t.equal(status, 200, 'a range is ignored');
    t.equal(headers['accept-ranges'], 'none', 'continued by cursor');
    return body;
  };
  for (const [path, as] of [
    ['/api/usage/export.csv', 'owner'],
    ['/api/usage/export.ndjson', 'owner'],
    ['/api/admin/usage/export.csv', 'admin'],
    ['/api/admin/usage/export.ndjson', 'admin'],
  ] as const) {
    const whole = await textOf(path, as);
    // In the middle of a line, as a connection breaks.
    for (const share of [0.1, 0.5, 0.97]) {
      const received = whole.slice(0, Math.floor(whole.length * share));
      const lines = received.slice(0, received.lastIndexOf('\n') + 1);
      const last = lines.slice(lines.lastIndexOf('\n', lines.length - 2) + 1);
      const cursor = path.endsWith('csv') ? last.trim().split(',').at(-1) : JSON.parse(last).cursor;
      const rest = await textOf(`${path}?cursor=${encodeURIComponent(cursor)}`, as);
      t.ok(lines + rest === whole, `${path} from ${share * 100} %: the same bytes`);
    }
  }
  t.strictSame(await ndjson(`?to=${middle}`), all.slice(520));
  t.equal((await ndjson(`?from=${middle}`)).length, 520);
  t.equal((await ndjson(`?key_id=${KEY}`)).length, 260);
  t.equal((await ndjson('', 'member')).length, 260);
  t.strictSame(await ndjson(`?user_id=${OWNER}`, 'member'), []);

  const csv = await service.call<string>('GET', `/api/usage/export.csv?to=${middle}`, { as: 'owner' });
  t.match(csv.headers['content-type'], 'text/csv');
  const [header, line, ...rest] = csv.body.split('\n');
  t.match(header, /^request_id,call_index,admitted_at,.*,cursor$/);
  t.match(line, `openai,'=1+1,ok,,provider,10,,,20,,0.000000001,12,`, 'no spreadsheet runs it');
  t.strictSame(rest, ['']);

  const listed = await service.call('GET', `/api/usage/requests?from=${middle}&key_id=${KEY}&limit=1`, {
    as: 'owner',
  });
  t.match(listed.body.data, [{ key_id: KEY, user_id: MEMBER }]);

  for (const path of ['/api/usage/export.csv', '/api/usage/export.ndjson']) {
    t.equal((await service.call('GET', path)).status, 401);
    for (const query of ['?from=yesterday', '?key_id=1', '?x=1', '?cursor=x'])
      t.equal((await service.call('GET', path + query, { as: 'owner' })).status, 400, query);
    t.match(await service.call('GET', `${path}?to=${middle}`, { as: 'otherOwner' }), { status: 200 });
  }
  t.strictSame((await service.call('GET', '/api/usage/export.ndjson', { as: 'otherOwner' })).body, undefined);
});
