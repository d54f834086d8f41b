import t from 'tap';
import type { LimitReading } from '#libs/contracts/limits.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createFakeRuntime } from '#libs/testing/runtime.ts';
import { createUsageHub, type Viewer } from './hub.ts';

const limit = (used: bigint, resetsAt: Date | null = null): LimitReading => ({
  meter: 'cost',
  window: 'day',
  scope: 'account',
  scopeId: '',
  kind: 'n',
  amount: 100n,
  used,
  held: 0n,
  state: used < 80n ? 'ok' : 'warning',
  windowStart: null,
  resetsAt,
  source: 'plan:test',
});

function createHub() {
  const { clock } = createFakeRuntime();
  const marks = new Map<string, string>();
  const used = new Map<string, bigint>();
  const reads = { marks: 0, limits: 0 };
  let resetsAt: Date | null = null;
  let failure: Error | null = null;
  const hub = createUsageHub({
    clock,
    logger: createLogger({ name: 'test', level: 'silent' }),
    // Only when the test says so.
    intervalMs: 86_400_000,
    readMarks: async (ids) => {
      reads.marks += 1;
      return new Map(ids.map((id) => [id, marks.get(id) ?? '1']));
    },
    readLimits: async ({ accountId }) => {
      reads.limits += 1;
      if (failure !== null) throw failure;
      return [limit(used.get(accountId) ?? 0n, resetsAt)];
    },
  });
  return {
    hub,
    clock,
    reads,
    spend(accountId: string, amount: bigint, mark: string) {
      used.set(accountId, amount);
      marks.set(accountId, mark);
    },
    fail: (error: Error | null) => {
      failure = error;
    },
    resetAt: (at: Date) => {
      resetsAt = at;
    },
  };
}

const viewer = (accountId: string, userId: string | null = null): Viewer => ({
  accountId,
  userId,
  keyId: null,
  workspaceId: null,
});

t.test('given thousands of streams, then readings are shared', async (t) => {
  const { hub, reads, spend } = createHub();
  t.teardown(() => hub.stop());
  const changes: string[] = [];
  const opened = Array.from({ length: 5_000 }, (_, index) => {
    const account = `a${index % 50}`;
    return hub.subscribe(viewer(account), {
      onLimits: ({ limits }) => changes.push(`${account} ${limits[0]?.used}`),
      onAlerts: () => changes.push(`${account} alert`),
    });
  });
  const subscriptions = await Promise.all(opened);
  t.strictSame(reads, { marks: 50, limits: 50 }, 'one reading for each account');
  await hub.refresh();
  t.strictSame(reads, { marks: 51, limits: 50 }, 'one query while nothing happens');

  spend('a7', 85n, '2');
  await hub.refresh();
  t.strictSame(reads, { marks: 52, limits: 51 });
  t.strictSame(new Set(changes), new Set(['a7 85']));
  t.equal(changes.length, 100);
  hub.notifyOfAlerts('a8');
  t.equal(changes.filter((change) => change === 'a8 alert').length, 100);

  for (const { unsubscribe } of subscriptions) unsubscribe();
  await hub.refresh();
  t.equal(reads.marks, 52, 'nothing without streams');
});

t.test('given an account that changes, then nothing is lost and nothing is sent twice', async (t) => {
  const { hub, clock, reads, spend, fail, resetAt } = createHub();
  t.teardown(() => hub.stop());
  const midnight = new Date(clock.now().getTime() + 60_000);
  resetAt(midnight);
  const seen: unknown[] = [];
  const subscriber = {
    onLimits: (changes: Parameters<Parameters<typeof hub.subscribe>[1]['onLimits']>[0]) =>
      seen.push(...changes.limits.map(({ used, state }) => [used, state, changes.states.length])),
    onAlerts: () => undefined,
  };
  const { limits } = await hub.subscribe(viewer('a', 'u1'), subscriber);
  t.strictSame(limits, [limit(0n, midnight)]);
  await hub.subscribe(viewer('a', 'u2'), { onLimits: () => undefined, onAlerts: () => undefined });
  t.equal(reads.limits, 2, 'users see different limits');

  spend('a', 85n, '2');
  fail(new Error('the database is away'));
  await hub.refresh();
  t.strictSame(seen, []);
  fail(null);
  await hub.refresh();
  await hub.refresh();
  t.strictSame(seen.splice(0), [[85n, 'warning', 1]], 'a failed reading is repeated');

  clock.set(midnight);
  resetAt(new Date(midnight.getTime() + 60_000));
  spend('a', 0n, '2');
  await hub.refresh();
  t.strictSame(seen.splice(0), [[0n, 'ok', 1]], 'a window that ends without a call is read');

  fail(new Error('the database is away'));
  await t.rejects(hub.subscribe(viewer('b'), subscriber), { message: 'the database is away' });
});
