import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { createDatabase } from '#libs/db/database.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { type CompletedResponse, isRepeatable, type RequestOutcome } from './domain.ts';
import { begin, conclude, type IdempotencyState, renewRunning, runOnce } from './idempotency.ts';
import { purgeExpiredKeys } from './store.ts';

const caller = (accountId: string, keyId = randomUUID()): Caller => ({
  accountId,
  userId: null,
  keyId,
  workspaceId: null,
  role: 'member',
  platformRole: 'none',
  scopes: ['generate'],
});

const response: CompletedResponse = {
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from('{"ok":true}'),
};
const done: RequestOutcome = { state: 'done', response };
const unknown: RequestOutcome = { state: 'unknown' };

async function given(t: Test) {
  const database = createDatabase((await createTestDatabase(t)).pool);
  let now = new Date('2026-11-20T12:00:00Z');
  let outcome: RequestOutcome = unknown;
  return {
    database,
    now: () => now,
    gateway: (): IdempotencyState => ({
      database,
      now: () => now,
      readOutcome: async () => outcome,
      running: new Set(),
    }),
    pass: (ms: number) => {
      now = new Date(now.getTime() + ms);
    },
    generationKnows: (known: RequestOutcome) => {
      outcome = known;
    },
  };
}

/** Begins a request that must get its claim. */
async function claimOf(gateway: IdempotencyState, request: ReturnType<typeof ask>) {
  const begun = await begin(gateway, request);
  if (!('claim' in begun)) throw new Error('The request was replayed.');
  return begun.claim;
}

const ask = (who: Caller, key: string, body = '{"a":1}') => ({
  caller: who,
  requestId: randomUUID(),
  key,
  path: '/v1/chat/completions',
  body: Buffer.from(body),
});

t.test('given a finished request, then a repeat gets its response for a day', async (t) => {
  const { database, gateway, now, pass } = await given(t);
  const who = caller(randomUUID());
  await conclude(gateway(), await claimOf(gateway(), ask(who, 'k1')), done);

  const again = await begin(gateway(), ask(who, 'k1'));
  t.ok('replay' in again && again.replay.body.equals(response.body) && again.replay.status === 200);
  await t.rejects(begin(gateway(), ask(who, 'k1', '{"a":2}')), {
    code: 'idempotency_key_reused',
    status: 422,
  });

  t.equal(await purgeExpiredKeys(database, now()), 0);
  pass(24 * 60 * 60 * 1000 + 1);
  t.ok('claim' in (await begin(gateway(), ask(who, 'k1'))), 'a day later the key is free');
  pass(24 * 60 * 60 * 1000 + 1);
  t.equal(await purgeExpiredKeys(database, now()), 1);
});

t.test('given many copies at once, then exactly one runs', async (t) => {
  const { gateway } = await given(t);
  const who = caller(randomUUID());
  const replicas = [gateway(), gateway()];
  const outcomes = await Promise.allSettled(
    Array.from({ length: 40 }, (_, i) => begin(replicas[i % 2] as IdempotencyState, ask(who, 'same'))),
  );
  t.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 1);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') {
      t.match(outcome.reason, { code: 'idempotency_in_progress', status: 409 });
    }
  }
});

t.test('given another caller with the same key, then it is another key', async (t) => {
  const { gateway } = await given(t);
  const account = randomUUID();
  for (const who of [caller(account), caller(account), caller(randomUUID())]) {
    t.ok('claim' in (await begin(gateway(), ask(who, 'shared'))));
  }
});

t.test('given a user of two accounts with the same key, then each account has its own request', async (t) => {
  const { gateway } = await given(t);
  const userId = randomUUID();
  const [first, second] = [randomUUID(), randomUUID()].map(
    (accountId): Caller => ({ ...caller(accountId), keyId: null, userId }),
  ) as [Caller, Caller];
  await conclude(gateway(), await claimOf(gateway(), ask(first, 'same')), done);
  await claimOf(gateway(), ask(second, 'same'));
  await t.rejects(begin(gateway(), ask(second, 'same')), { code: 'idempotency_in_progress' });
});

t.test('given a gateway that died', async (t) => {
  const { gateway, pass, generationKnows } = await given(t);
  const who = caller(randomUUID());
  const inProgress = { code: 'idempotency_in_progress' };
  await begin(gateway(), ask(who, 'orphan'));

  await t.rejects(begin(gateway(), ask(who, 'orphan')), inProgress, 'its lease protects the request');
  pass(11_000);
  generationKnows({ state: 'running' });
  await t.rejects(begin(gateway(), ask(who, 'orphan')), inProgress, 'generation is running it');
  generationKnows(done);
  t.ok('replay' in (await begin(gateway(), ask(who, 'orphan'))), 'generation finished it');

  await begin(gateway(), ask(who, 'lost'));
  pass(11_000);
  generationKnows(unknown);
  const outcomes = await Promise.allSettled([
    begin(gateway(), ask(who, 'lost')),
    begin(gateway(), ask(who, 'lost')),
  ]);
  t.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 1, 'one takes it over');
});

t.test('given a gateway that renews its leases, then no other takes over its request', async (t) => {
  const { gateway, pass } = await given(t);
  const who = caller(randomUUID());
  const alive = gateway();
  await begin(alive, ask(who, 'long'));
  for (let i = 0; i < 5; i += 1) {
    pass(8_000);
    await renewRunning(alive);
  }
  await t.rejects(begin(gateway(), ask(who, 'long')), { code: 'idempotency_in_progress' });
});

t.test('given a request that spent nothing, then its key may be used again', async (t) => {
  const { gateway } = await given(t);
  const who = caller(randomUUID());
  for (const outcome of [unknown, { state: 'done', response: { ...response, status: 429 } } as const]) {
    await conclude(gateway(), await claimOf(gateway(), ask(who, 'retry')), outcome);
  }
  t.ok('claim' in (await begin(gateway(), ask(who, 'retry'))));
  t.equal(isRepeatable({ ...response, status: 429 }), false);
  t.equal(isRepeatable({ ...response, status: 503 }), false);
  t.equal(isRepeatable({ ...response, status: 400 }), true);
});

t.test('given a request with an unknown end, then generation is asked before it runs again', async (t) => {
  const { gateway, pass, generationKnows } = await given(t);
  const who = caller(randomUUID());
  const alive = gateway();
  await conclude(alive, await claimOf(alive, ask(who, 'lost')), { state: 'running' });
  await t.rejects(begin(alive, ask(who, 'lost')), { code: 'idempotency_in_progress' });
  await renewRunning(alive);
  pass(11_000);
  generationKnows(done);
  t.ok('replay' in (await begin(alive, ask(who, 'lost'))), 'it had finished');
});

t.test('malformed keys are refused', async (t) => {
  const { gateway } = await given(t);
  for (const key of ['', 'a b', 'ü', 'x'.repeat(256)]) {
    await t.rejects(begin(gateway(), ask(caller(randomUUID()), key)), {
      code: 'invalid_request',
      status: 400,
    });
  }
});

t.test('runOnce: begin, run, conclude', async (t) => {
  const { gateway } = await given(t);
  const who = caller(randomUUID());
  const failure = new Error('lost');
  const fail = async () => Promise.reject(failure);
  const run = (key: string, ...steps: [Parameters<typeof runOnce>[2], Parameters<typeof runOnce>[3]?]) =>
    runOnce(gateway(), ask(who, key), ...steps);

  await t.test('the first request runs, a repeat is a replay', async (t) => {
    t.match(await run('a', async () => done), { isReplay: false, outcome: { state: 'done' } });
    t.match(await run('a', fail), { isReplay: true, outcome: { state: 'done', response: { status: 200 } } });
  });

  await t.test('a failure frees the key', async (t) => {
    await t.rejects(run('b', fail), failure);
    t.match(await run('b', async () => done), { isReplay: false });
  });

  await t.test('a failure with a recovered response is a replay, and is stored', async (t) => {
    t.match(await run('c', fail, async () => done), { isReplay: true, outcome: { state: 'done' } });
    t.match(await run('c', fail), { isReplay: true });
  });

  await t.test('a failure of a request that may be running keeps the key', async (t) => {
    await t.rejects(
      run('d', fail, async () => ({ state: 'running' })),
      failure,
    );
    await t.rejects(run('d', fail), { code: 'idempotency_in_progress' });
  });
});
