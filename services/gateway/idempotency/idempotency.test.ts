import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { createIdempotency, isRepeatable } from './idempotency.ts';
import { createIdempotencyStore } from './store.ts';
import type { KeptResult } from './stored-response.ts';

const caller = (accountId: string, keyId = randomUUID()): Caller => ({
  accountId,
  userId: null,
  keyId,
  workspaceId: null,
  role: 'member',
  platformRole: 'none',
  scopes: ['generate'],
});

const answer = {
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from('{"ok":true}'),
};

async function given(t: Test) {
  const { pool } = await createTestDatabase(t);
  let now = new Date('2026-11-20T12:00:00Z');
  let kept: KeptResult = { state: 'unknown' };
  const store = createIdempotencyStore(pool);
  const gateway = () => createIdempotency({ store, now: () => now, keptResult: async () => kept });
  return {
    store,
    gateway,
    pass: (ms: number) => {
      now = new Date(now.getTime() + ms);
    },
    keep: (result: KeptResult) => {
      kept = result;
    },
  };
}

const ask = (who: Caller, key: string, body = '{"a":1}') => ({
  caller: who,
  requestId: randomUUID(),
  key,
  path: '/v1/chat/completions',
  body: Buffer.from(body),
});

t.test('given a finished request, when it is repeated, then its answer is, for a day', async (t) => {
  const { gateway, pass } = await given(t);
  const who = caller(randomUUID());
  const first = await gateway().begin(ask(who, 'k1'));
  t.ok('claim' in first);
  if ('claim' in first) await first.claim.finish(answer);

  const again = await gateway().begin(ask(who, 'k1'));
  t.ok('replay' in again && again.replay.body.equals(answer.body) && again.replay.status === 200);
  await t.rejects(gateway().begin(ask(who, 'k1', '{"a":2}')), {
    code: 'idempotency_key_reused',
    status: 422,
  });

  pass(24 * 60 * 60 * 1000 + 1);
  t.ok('claim' in (await gateway().begin(ask(who, 'k1'))), 'a day later the key is free');
});

t.test('given many copies at once, when they begin, then exactly one runs', async (t) => {
  const { gateway } = await given(t);
  const who = caller(randomUUID());
  const replicas = [gateway(), gateway()];
  const outcomes = await Promise.allSettled(
    Array.from({ length: 40 }, (_, i) => (replicas[i % 2] as (typeof replicas)[0]).begin(ask(who, 'same'))),
  );
  t.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 1);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected')
      t.match(outcome.reason, { code: 'idempotency_in_progress', status: 409 });
  }
});

t.test('given another caller, when it uses the same key, then it is another key', async (t) => {
  const { gateway } = await given(t);
  const account = randomUUID();
  for (const who of [caller(account), caller(account), caller(randomUUID())]) {
    t.ok('claim' in (await gateway().begin(ask(who, 'shared'))));
  }
});

t.test('given a gateway that died, when the request is repeated', async (t) => {
  const { gateway, pass, keep } = await given(t);
  const who = caller(randomUUID());
  await gateway().begin(ask(who, 'orphan'));

  await t.rejects(
    gateway().begin(ask(who, 'orphan')),
    { code: 'idempotency_in_progress' },
    'its lease protects it',
  );
  pass(11_000);
  keep({ state: 'running' });
  await t.rejects(
    gateway().begin(ask(who, 'orphan')),
    { code: 'idempotency_in_progress' },
    'generation is at it',
  );
  keep({ state: 'done', answer });
  const replayed = await gateway().begin(ask(who, 'orphan'));
  t.ok('replay' in replayed, 'generation had finished: its answer counts');

  await gateway().begin(ask(who, 'lost'));
  pass(11_000);
  keep({ state: 'unknown' });
  const outcomes = await Promise.allSettled([
    gateway().begin(ask(who, 'lost')),
    gateway().begin(ask(who, 'lost')),
  ]);
  t.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 1, 'one takes it over');
});

t.test('given a living gateway, when it renews, then nobody takes its request', async (t) => {
  const { gateway, pass } = await given(t);
  const who = caller(randomUUID());
  const alive = gateway();
  await alive.begin(ask(who, 'long'));
  for (let i = 0; i < 5; i += 1) {
    pass(8_000);
    await alive.renew();
  }
  await t.rejects(gateway().begin(ask(who, 'long')), { code: 'idempotency_in_progress' });
});

t.test('given a refusal, when it is released, then the same key may try again', async (t) => {
  const { gateway } = await given(t);
  const who = caller(randomUUID());
  const first = await gateway().begin(ask(who, 'retry'));
  if ('claim' in first) await first.claim.release();
  t.ok('claim' in (await gateway().begin(ask(who, 'retry'))));
  t.equal(isRepeatable({ ...answer, status: 429 }), false);
  t.equal(isRepeatable({ ...answer, status: 503 }), false);
  t.equal(isRepeatable({ ...answer, status: 400 }), true);
});

t.test(
  'given a request whose end nobody saw, then nothing runs again before generation has been asked',
  async (t) => {
    const { gateway, pass, keep } = await given(t);
    const who = caller(randomUUID());
    const alive = gateway();
    const first = await alive.begin(ask(who, 'lost'));
    if ('claim' in first) await first.claim.leave();
    await t.rejects(alive.begin(ask(who, 'lost')), { code: 'idempotency_in_progress' });
    await alive.renew();
    pass(11_000);
    keep({ state: 'done', answer });
    t.ok('replay' in (await alive.begin(ask(who, 'lost'))), 'it had finished');
  },
);

t.test('keys that cannot be kept are refused', async (t) => {
  const { gateway } = await given(t);
  for (const key of ['', 'a b', 'ü', 'x'.repeat(256)]) {
    await t.rejects(gateway().begin(ask(caller(randomUUID()), key)), {
      code: 'invalid_request',
      status: 400,
    });
  }
});
