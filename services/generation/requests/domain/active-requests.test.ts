import t from 'tap';
import { createActiveRequests, type RequestScope } from './active-requests.ts';

let now = 0;

const scope = (more: Partial<RequestScope> = {}): RequestScope => ({
  accountId: 'a1',
  keyId: 'k1',
  targets: ['openai', 'openai/gpt-4o'],
  deadlineMs: 1_000,
  ...more,
});

t.test('a stop ends the requests it covers and refuses new ones until it is lifted', async (t) => {
  const rows = [
    ['global', '', true],
    ['account', 'a1', true],
    ['account', 'a2', false],
    ['key', 'k1', true],
    ['key', 'k2', false],
    ['provider', 'openai', true],
    ['provider', 'openai/gpt-4o', true],
    ['model', 'openai/gpt-4o', true],
    ['model', 'openai/gpt-4o-mini', false],
  ] as const;
  for (const [kind, target, covered] of rows) {
    const registry = createActiveRequests({ drainTimeoutMs: 500, monotonicMs: () => now });
    const work = registry.begin(scope());
    let hasEnded = false;
    work.onEnded(() => {
      hasEnded = true;
    });
    registry.stop({ id: 's', kind, target });
    t.equal(work.reason(), covered ? 'emergency_stop' : null, `${kind} ${target}`);
    t.equal(hasEnded, covered);
    if (!covered) continue;
    t.throws(() => registry.begin(scope()), { code: 'emergency_stop' });
    registry.liftStop('s');
    t.doesNotThrow(() => registry.begin(scope()));
  }
});

t.test('a request without a key is not covered by a stop of a key', async (t) => {
  const registry = createActiveRequests({ drainTimeoutMs: 500, monotonicMs: () => now });
  const work = registry.begin(scope({ keyId: null }));
  registry.stop({ id: 's', kind: 'key', target: '' });
  t.equal(work.reason(), null);
});

t.test('after a gap, only active stops apply', async (t) => {
  const registry = createActiveRequests({ drainTimeoutMs: 500, monotonicMs: () => now });
  registry.stop({ id: 'lifted', kind: 'account', target: 'a1' });
  const other = registry.begin(scope({ accountId: 'a2' }));
  registry.setStops([{ id: 'missed', kind: 'account', target: 'a2' }]);
  t.equal(other.reason(), 'emergency_stop');
  t.doesNotThrow(() => registry.begin(scope()), 'the stop of a1 was lifted in the meantime');
});

t.test('overdue requests are ended, and the first reason is kept', async (t) => {
  const registry = createActiveRequests({ drainTimeoutMs: 500, monotonicMs: () => now });
  const [soon, later] = [registry.begin(scope()), registry.begin(scope({ deadlineMs: 2_000 }))];
  t.equal(registry.size(), 2);
  now = 1_000;
  registry.endOverdue();
  t.strictSame([soon.reason(), later.reason()], ['deadline', null]);
  soon.end('client_gone');
  t.equal(soon.reason(), 'deadline');
  registry.finish(soon);
  t.equal(registry.size(), 1);
  registry.endAll('shutdown');
  t.equal(later.reason(), 'shutdown');
});

t.test(
  'a client that left: running calls are notified, and the request ends after the drain timeout',
  async (t) => {
    now = 0;
    const registry = createActiveRequests({ drainTimeoutMs: 500, monotonicMs: () => now });
    const [left, short] = [registry.begin(scope()), registry.begin(scope({ deadlineMs: 200 }))];
    const called: string[] = [];
    left.onAbandoned(() => called.push('first'));
    left.onAbandoned(() => called.push('removed'))();
    left.abandon();
    left.abandon();
    left.onAbandoned(() => called.push('at once'));
    t.strictSame(called, ['first', 'at once']);
    t.strictSame([left.isAbandoned(), left.reason()], [true, null], 'its calls may run on');
    short.abandon();
    now = 200;
    registry.endOverdue();
    t.strictSame([left.reason(), short.reason()], [null, 'client_gone'], 'never past its deadline');
    now = 500;
    registry.endOverdue();
    t.equal(left.reason(), 'client_gone');
    const idle = registry.idle();
    registry.finish(left);
    registry.finish(short);
    await idle;
    await registry.idle();
  },
);
