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
