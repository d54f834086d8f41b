import t from 'tap';
import { testEntitlements } from '#libs/catalogue/fixtures.ts';
import { SERVICE_CALLER } from '#libs/contracts/internal-context.ts';
import { createFakeClock } from '#libs/testing/runtime.ts';
import { createPlanRateLimiter } from './plan-rate-limiter.ts';

const caller = { ...SERVICE_CALLER, accountId: 'a', userId: 'u' };
const chat = { generation: false, stream: false };

const plan = (caps: { requests?: number; generations?: number; streams?: number }) =>
  testEntitlements({
    caps: {
      requestsPerMinute: caps.requests ?? null,
      generationsPerMinute: caps.generations ?? null,
      streamsPerUser: caps.streams ?? null,
    },
  });

t.test('given a plan of two requests a minute, the third waits for the next minute', async (t) => {
  const clock = createFakeClock();
  const limiter = createPlanRateLimiter(clock.now);
  const twice = plan({ requests: 2 });
  limiter.acquire(caller, twice, chat);
  clock.advance(20_000);
  limiter.acquire(caller, twice, chat);
  const refusal = { code: 'rate_limited', headers: { 'retry-after': '40' } };
  t.throws(() => limiter.acquire(caller, twice, chat), refusal as object as Error);
  t.doesNotThrow(
    () => limiter.acquire({ ...caller, accountId: 'b' }, twice, chat),
    'another account has its own',
  );
  clock.advance(40_000);
  t.doesNotThrow(() => limiter.acquire(caller, twice, chat));
});

t.test('given a plan of one generation a minute, chats are not limited', async (t) => {
  const limiter = createPlanRateLimiter(createFakeClock().now);
  const once = plan({ generations: 1 });
  const generation = { generation: true, stream: false };
  limiter.acquire(caller, once, generation);
  t.throws(() => limiter.acquire(caller, once, generation), { code: 'rate_limited' });
  t.doesNotThrow(() => limiter.acquire(caller, once, chat));
});

t.test('given a plan of one stream per user, the next begins when the first has ended', async (t) => {
  const limiter = createPlanRateLimiter(createFakeClock().now);
  const single = plan({ streams: 1 });
  const stream = { generation: false, stream: true };
  const release = limiter.acquire(caller, single, stream);
  t.throws(() => limiter.acquire(caller, single, stream), { code: 'rate_limited' });
  t.doesNotThrow(
    () => limiter.acquire({ ...caller, userId: 'v' }, single, stream),
    'each user has their own',
  );
  release?.();
  release?.();
  const again = limiter.acquire(caller, single, stream);
  t.throws(
    () => limiter.acquire(caller, single, stream),
    { code: 'rate_limited' },
    'releasing twice frees one stream',
  );
  again?.();
});

t.test('a plan without rate limits is not limited', async (t) => {
  const limiter = createPlanRateLimiter(createFakeClock().now);
  const unlimited = plan({});
  for (let i = 0; i < 1_000; i += 1) {
    limiter.acquire(caller, unlimited, { generation: true, stream: true });
  }
  t.pass();
});
