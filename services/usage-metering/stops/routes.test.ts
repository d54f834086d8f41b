import t from 'tap';
import type { StopWire } from '#libs/contracts/stops.ts';
import { testHold } from '#libs/ledger/fixtures.ts';
import { ACCOUNT, createBalances, createTestService, STAFF } from '../fixtures.ts';
import { importPriceBook } from '../prices/change-prices.ts';

type One = StopWire;
type Many = { data: StopWire[] };
type Refusal = { code: string };

const STOPS = '/api/admin/stops';
/** When staff expect to lift the stops; the clock of the tests stands two hours before. */
const SOON = '2026-11-20T14:00:00.000Z';
const BOOK = `
version: '1'
models:
  - provider: openai
    model: gpt-4o-mini
    source: https://vendor.example/models
    checked: 2026-11-27
    contextWindow: 1000
    maxOutputTokens: 100
    prices: [{ from: 2024-01-01, perMillion: { input: 1, cache_read: 1, cache_write: 1, output: 2, reasoning: 2 } }]
`;

t.test('given an account whose requests are admitted', async (t) => {
  const service = await createTestService(t);
  const { ledger, runtime, database } = service;
  await createBalances(ledger, ACCOUNT, runtime.clock.now());
  await importPriceBook(database, BOOK, runtime);
  const verdict = async () => (await ledger.hold(testHold(ACCOUNT, runtime.newId(), { cost: 1n }))).verdict;
  t.equal(await verdict(), 'ok');

  for (const [kind, target] of [
    ['global', undefined],
    ['provider', 'openai'],
    ['model', 'openai/gpt-4o-mini'],
    ['account', ACCOUNT],
  ] as const) {
    await t.test(
      `when an admin stops it (${kind}), then nothing is admitted until the stop is lifted`,
      async (t) => {
        const body = {
          ...{ kind, reason: 'wrong figures', public_reason: 'Back soon.', expected_until: SOON },
          ...(target && { target }),
        };
        const stopped = await service.call<One>('POST', STOPS, { as: 'admin', body });
        t.equal(stopped.status, 201);
        t.match(stopped.body, {
          kind,
          target: target ?? '',
          reason: 'wrong figures',
          public_reason: 'Back soon.',
          expected_until: SOON,
          author: STAFF,
          lifted_at: null,
        });
        t.equal(await verdict(), 'stopped');

        const again = await service.call<One>('POST', STOPS, {
          as: 'admin',
          body: { ...body, reason: 'other words' },
        });
        t.equal(again.status, 200);
        t.strictSame(again.body, stopped.body, 'the stop in force');
        t.strictSame((await service.call<Many>('GET', STOPS, { as: 'support' })).body.data, [stopped.body]);

        const url = `${STOPS}/${stopped.body.id}`;
        const lifted = await service.call<One>('DELETE', url, { as: 'admin' });
        t.match(lifted.body, { lifted_at: '2026-11-20T12:00:00.000Z', lifted_by: STAFF });
        t.strictSame(
          (await service.call<One>('DELETE', url, { as: 'admin' })).body,
          lifted.body,
          'lifting again changes nothing',
        );
        t.equal(await verdict(), 'ok');
        t.strictSame((await service.call<Many>('GET', STOPS, { as: 'support' })).body.data, []);
      },
    );
  }

  await t.test('then each stop and each lift is audited once', async (t) => {
    const { rows } = await service.pool.query(
      'SELECT actor, action, subject, account_id, reason FROM audit_log WHERE action LIKE $1 ORDER BY id',
      ['stop.%'],
    );
    t.strictSame(
      rows.map(({ action, subject }) => [action, subject]),
      ['global', 'provider:openai', 'model:openai/gpt-4o-mini', `account:${ACCOUNT}`].flatMap((target) => [
        ['stop.created', `stop:${target}`],
        ['stop.lifted', `stop:${target}`],
      ]),
    );
    t.match(rows[0], { actor: STAFF, reason: 'wrong figures', account_id: null });
    t.match(rows[6], { account_id: ACCOUNT });
  });

  await t.test('then a stop without effect is refused', async (t) => {
    const cases: [object, number, string][] = [
      [{ kind: 'model', target: 'openai/gpt-4o-mni', reason: 'x' }, 404, 'unknown_model'],
      [{ kind: 'model', target: 'gpt-4o-mini', reason: 'x' }, 400, 'invalid_request'],
      [{ kind: 'provider', target: 'Open AI', reason: 'x' }, 400, 'invalid_request'],
      [{ kind: 'account', target: 'me', reason: 'x' }, 400, 'invalid_request'],
      [{ kind: 'global', target: 'openai', reason: 'x' }, 400, 'invalid_request'],
      [{ kind: 'global', reason: ' ' }, 400, 'invalid_request'],
      [{ kind: 'planet', target: 'earth', reason: 'x' }, 400, 'invalid_request'],
      [{ kind: 'global', reason: 'x', expected_until: 'soon' }, 400, 'invalid_request'],
      [{ kind: 'global', reason: 'x', expected_until: '2026-11-20T12:00:00.000Z' }, 422, 'semantic_error'],
    ];
    for (const [body, status, code] of cases) {
      const answer = await service.call<Refusal>('POST', STOPS, { as: 'admin', body });
      t.strictSame([answer.status, answer.body.code], [status, code], JSON.stringify(body));
    }
    t.equal((await service.call('DELETE', `${STOPS}/${runtime.newId()}`, { as: 'admin' })).status, 404);
    t.equal((await service.call('DELETE', `${STOPS}/1`, { as: 'admin' })).status, 400);
  });

  await t.test('then support only reads, and other callers do neither', async (t) => {
    const body = { kind: 'global', reason: 'x' };
    for (const caller of ['support', 'owner', 'key'] as const) {
      t.equal((await service.call('POST', STOPS, { as: caller, body })).status, 403, caller);
      t.equal(
        (await service.call('DELETE', `${STOPS}/${runtime.newId()}`, { as: caller })).status,
        403,
        caller,
      );
    }
    t.equal((await service.call('GET', STOPS, { as: 'owner' })).status, 403);
    t.equal(await verdict(), 'ok');
  });
});
