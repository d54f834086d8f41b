import t from 'tap';
import { createFakeClock } from '#libs/testing/runtime.ts';
import { createFreshCache, type FreshCacheOptions } from './fresh-cache.ts';

type Value = { name: string; tags: string[] };

function createCache(options: Partial<FreshCacheOptions<Value>> = {}) {
  const clock = createFakeClock();
  const cache = createFreshCache<Value>({
    clock,
    maxEntries: 2,
    maxAgeMs: 60_000,
    isTrusted: () => true,
    uncertainAgeMs: 1_000,
    tagsOf: ({ tags }) => tags,
    ...options,
  });
  const put = (name: string, ...tags: string[]) => cache.load(name, async () => ({ name, tags }));
  return { cache, clock, put, has: (name: string) => cache.get(name) !== undefined };
}

t.test('keeps entries up to a maximum number and age', async (t) => {
  const { clock, put, has } = createCache();
  await put('a');
  await put('b');
  t.ok(has('a'));
  await put('c');
  t.strictSame([has('a'), has('b'), has('c')], [true, false, true], 'the least recently used went');
  clock.advance(59_999);
  t.ok(has('a'));
  clock.advance(1);
  t.notOk(has('a'));
});

t.test('serves nothing older than a second while changes may be missed', async (t) => {
  let isTrusted = true;
  const { clock, put, has } = createCache({ isTrusted: () => isTrusted });
  await put('a');
  clock.advance(1_000);
  t.ok(has('a'));
  isTrusted = false;
  t.notOk(has('a'));
  await put('a');
  clock.advance(999);
  t.ok(has('a'));
});

t.test('drops by tag, and removes the tags of dropped entries', async (t) => {
  const { cache, put, has } = createCache();
  await put('a', 'user 1', 'account 1');
  await put('b', 'user 2', 'account 1');
  cache.drop('user 1');
  t.strictSame([has('a'), has('b')], [false, true]);
  await put('a', 'user 1', 'account 2');
  cache.drop('account 1');
  t.strictSame([has('a'), has('b')], [true, false]);
  cache.clear();
  t.notOk(has('a'));
});

t.test(
  'shares one fetch among those who ask at once, and remembers neither nothing nor failures',
  async (t) => {
    const { cache, has } = createCache();
    let fetches = 0;
    const fetch = (answer: () => Value | null) => async () => {
      fetches += 1;
      return answer();
    };
    const ask = (answer: () => Value | null) =>
      Promise.allSettled(Array.from({ length: 3 }, () => cache.load('a', fetch(answer))));
    const nothing = await ask(() => null);
    t.strictSame(
      [nothing.map(({ status }) => status), fetches, has('a')],
      [Array(3).fill('fulfilled'), 1, false],
    );
    const failed = await ask(() => {
      throw new Error('no database');
    });
    t.strictSame(
      [failed.map(({ status }) => status), fetches, has('a')],
      [Array(3).fill('rejected'), 2, false],
    );
    await ask(() => ({ name: 'a', tags: [] }));
    t.strictSame([fetches, has('a')], [3, true]);
  },
);

t.test('does not keep a value that changed while it was fetched', async (t) => {
  for (const change of ['drop', 'clear'] as const) {
    const { cache, has } = createCache();
    const slow = Promise.withResolvers<Value>();
    const first = cache.load('a', () => slow.promise);
    // when a change is notified after the fetch has read the old state
    cache[change]('user 1');
    const second = cache.load('a', async () => ({ name: 'new', tags: [] }));
    slow.resolve({ name: 'old', tags: [] });
    t.strictSame([(await first)?.name, (await second)?.name], ['old', 'new']);
    t.equal(cache.get('a')?.name, 'new');
    t.ok(has('a'));
  }
});
