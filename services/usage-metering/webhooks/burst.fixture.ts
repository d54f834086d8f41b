/** Many accounts cross a limit at once; each has an endpoint at one slow and failing receiver, while workers are killed. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { newWebhookSecret } from '#libs/auth/webhook-signature.ts';
import { testHold, testSegment, testSettle } from '#libs/ledger/fixtures.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { createTestDatabase, type TestScope } from '#libs/testing/database.ts';

const { newId } = systemRuntime;
const WORKERS = 2;
/** Shares of the deliveries at which a worker is killed. */
const KILLS = [0.15, 0.3, 0.45];
const PARALLEL = 64;
const POLL_MS = 100;
const DELIVERIES_PER_LINE = 1_000;
/** Jobs of one worker at the same time. */
export const PLACES = 32;

export type BurstResult = {
  /** From the first to the last crossing. */
  crossedMs: number;
  deliveredMs: number;
  alerts: number;
  /** Accounts whose alert was accepted, under one id. */
  accounts: number;
  ids: number;
  /** Accepted again with the same id: those that a killed worker had not recorded. */
  repeated: number;
  refused: number;
  killed: number;
};

/** @param say takes what happens, for someone who waits. */
export async function runBurst(
  t: TestScope,
  count: number,
  say: (line: string) => void = () => undefined,
): Promise<BurstResult> {
  const { pool, serviceUrl } = await createTestDatabase(t);
  const ledger = createLedger({ pool });
  const receiver = await startReceiver(t);
  const accounts = Array.from({ length: count }, () => newId());
  const segments = [testSegment({ meter: 'cost', window: 'total', n: 1_000n })];
  say(`opening ${count} accounts`);
  await inParallel(accounts, (accountId) =>
    ledger.setLimits({ accountId, anchor: new Date(), periodMonths: 1, segments }),
  );
  await pool.query(
    `INSERT INTO webhook_endpoints (id, account_id, url, description, event_types, secret, created_at, updated_at)
     SELECT uuidv7(), a, $2, '', '{usage.threshold}', $3, now(), now() FROM unnest($1::uuid[]) a`,
    [accounts, receiver.url, newWebhookSecret()],
  );
  const holds = accounts.map((accountId) => ({ accountId, id: newId() }));
  await inParallel(holds, ({ accountId, id }) => ledger.hold(testHold(accountId, id, { cost: 850n })));

  say('crossing 80 %');
  const startedAt = performance.now();
  await Promise.all(
    holds.map(({ accountId, id }) => ledger.settle(testSettle(accountId, id, { cost: 850n }))),
  );
  const crossedMs = Math.round(performance.now() - startedAt);

  say(`crossed in ${crossedMs} ms; starting ${WORKERS} workers`);
  const workers = await Promise.all(
    Array.from({ length: WORKERS }, () => startWorker(t, serviceUrl('usage-metering'))),
  );
  const delivered = async () => {
    const { rows } = await pool.query(
      `SELECT count(*)::int AS n FROM outbox_deliveries WHERE channel = 'webhook' AND status = 'delivered'`,
    );
    return rows[0]?.n as number;
  };
  let killed = 0;
  let reported = 0;
  for (let done = 0; done < count; done = await delivered()) {
    if (done >= count * (KILLS[killed] ?? Number.POSITIVE_INFINITY)) {
      workers[killed % WORKERS]?.kill('SIGKILL');
      workers[killed % WORKERS] = await startWorker(t, serviceUrl('usage-metering'));
      killed += 1;
      say(`killed a worker at ${done} deliveries`);
    }
    reported = sayEvery(say, reported, done);
    await delay(POLL_MS);
  }
  const { rows } = await pool.query(`SELECT count(*)::int AS n FROM alerts WHERE type = 'usage.threshold'`);
  const deliveredMs = Math.round(performance.now() - startedAt);
  return { crossedMs, deliveredMs, alerts: rows[0]?.n as number, ...receiver.result(), killed };
}

/** @returns at how many deliveries it was said. */
function sayEvery(say: (line: string) => void, before: number, done: number): number {
  if (done - before < DELIVERIES_PER_LINE) return before;
  say(`${done} deliveries`);
  return done;
}

async function startWorker(t: TestScope, url: string): Promise<ChildProcess> {
  const worker = fork(new URL('worker.fixture.ts', import.meta.url), [url, String(PLACES)]);
  t.teardown(() => {
    worker.kill('SIGKILL');
  });
  await once(worker, 'message');
  return worker;
}

/** Takes up to 200 ms, and refuses the first attempt of every third message. */
async function startReceiver(t: TestScope) {
  const idsOf = new Map<string, Set<string>>();
  const seen = new Set<string>();
  let [accepted, refused, index] = [0, 0, 0];
  const server = createServer(async (request, response) => {
    const id = String(request.headers['webhook-id']);
    const { account_id: account } = JSON.parse(await text(request)) as { account_id: string };
    index += 1;
    await delay((index * 37) % 200);
    const isFirst = !seen.has(id);
    seen.add(id);
    if (isFirst && seen.size % 3 === 0) {
      refused += 1;
      response.writeHead(503).end();
      return;
    }
    accepted += 1;
    idsOf.set(account, (idsOf.get(account) ?? new Set()).add(id));
    response.writeHead(204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    result() {
      const ids = new Set([...idsOf.values()].flatMap((some) => [...some])).size;
      return { accounts: idsOf.size, ids, repeated: accepted - ids, refused };
    },
  };
}

async function inParallel<Item>(
  items: readonly Item[],
  run: (item: Item) => Promise<unknown>,
): Promise<void> {
  const queue = [...items];
  const work = async () => {
    for (let item = queue.pop(); item !== undefined; item = queue.pop()) await run(item);
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
}
