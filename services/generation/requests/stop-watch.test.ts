import t from 'tap';
import { createListener, type Listener, type Notify } from '#libs/db/listen.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { type ActiveRequest, type ActiveStop, createActiveRequests } from './domain/active-requests.ts';
import { createStopWatch } from './stop-watch.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const ID = '0190a1b2-0000-7000-8000-00000000e001';
const stopOf = (target: string) =>
  ({ id: ID, kind: 'account', target, reason: 'test', author: 'test' }) as const;

const scope = (accountId: string) => ({
  accountId,
  keyId: null,
  targets: ['openai'],
  deadlineMs: Number.MAX_VALUE,
});

const NOTICE = { publicReason: 'We are moving.', expectedUntil: null };
const readNotices = async (ids: readonly string[]) => new Map(ids.map((id) => [id, NOTICE]));

const endOf = (work: ActiveRequest) => new Promise<void>((resolve) => work.onEnded(resolve));

t.test(
  'given PostgreSQL, stops end active requests, and active stops are known from the start',
  async (t) => {
    const { pool, url } = await createTestDatabase(t);
    const listener = createListener({
      connectionString: url,
      applicationName: 'stop-watch',
      retryDelayMs: 1,
    });
    t.teardown(() => listener.close());
    const ledger = createLedger({ pool });
    await ledger.stop(stopOf('early'));
    const registry = createActiveRequests({ drainTimeoutMs: 0 });
    const watch = createStopWatch({ listener, ledger, activeRequests: registry, readNotices, logger });
    await watch.start();
    t.throws(() => registry.begin(scope('early')), {
      code: 'emergency_stop',
      fields: { stop: 'account:early', public_reason: 'We are moving.' },
    });

    const work = registry.begin(scope('a1'));
    const ended = endOf(work);
    await ledger.stop({ ...stopOf('a1'), id: ID.replace('e001', 'e002') });
    await ended;
    t.equal(work.reason(), 'emergency_stop');
    t.match(work.stop(), { kind: 'account', target: 'a1', notice: NOTICE });

    const other = registry.begin(scope('a2'));
    const otherEnded = endOf(other);
    await pool.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stop-watch'`,
    );
    await ledger.stop({ ...stopOf('a2'), id: ID.replace('e001', 'e003') });
    await otherEnded;
    t.equal(other.reason(), 'emergency_stop', 'also when the connection broke just then');
    watch.stop();
  },
);

t.test('given a gap, missed stops are read as soon as the database answers', async (t) => {
  let onGap = () => {};
  let onNotify: Notify = () => {};
  const listener = {
    listen: async (_channels: unknown, notify: Notify, gap: () => void) => {
      onNotify = notify;
      onGap = gap;
      return () => {};
    },
  } as unknown as Listener;
  let failures = 0;
  let inForce: ActiveStop[] = [];
  const ledger = {
    stops: async () => {
      failures -= 1;
      if (failures >= 0) throw new Error('starting up');
      return inForce as never;
    },
  };
  const registry = createActiveRequests({ drainTimeoutMs: 0 });
  const watch = createStopWatch({ listener, ledger, activeRequests: registry, readNotices, logger });
  await watch.start();
  const work = registry.begin(scope('a1'));
  for (const noise of ['', 'no json', '{"kind":"prices"}', '{"kind":"stop","stop":"planet"}']) {
    onNotify('inkmeter', noise);
  }
  t.equal(work.reason(), null, 'other notifications are ignored');
  const ended = endOf(work);
  inForce = [{ id: ID, kind: 'global', target: '' }];
  failures = 2;
  onGap();
  await ended;
  t.equal(work.reason(), 'emergency_stop');
  onNotify('inkmeter', JSON.stringify({ kind: 'stop_lifted', id: ID }));
  t.doesNotThrow(() => registry.begin(scope('a1')));
  watch.stop();
});
