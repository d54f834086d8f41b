import t from 'tap';
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import { SERVICE_CALLER } from '#libs/clients/internal-client.ts';
import { createFakeClock } from '#libs/testing/runtime.ts';
import { createPlanRateLimiter } from './plan-rate-limiter.ts';

const caller = { ...SERVICE_CALLER, accountId: 'a', userId: 'u' };
const chat = { generation: false, stream: false };

/** The part of entitlements that is read. */
const plan = (caps: { requests?: number; generations?: number; streams?: number }) =>
  ({
    plan: { key: 'free', name: 'Free', rank: 0, source: 'plan:free' },
    requestsPerMinute: { value: caps.requests ?? null, source: 'plan:free' },
    generationsPerMinute: { value: caps.generations ?? null, source: 'plan:free' },
    streamsPerUser: { value: caps.streams ?? null, source: 'plan:free' },
  }) as Entitlements;

t.test('given a plan of two requests a minute, the third waits for the next minute', async (t) => {
  const clock = createFakeClock();
  const planRateLimiter = createPlanRateLimiter(clock.now);
  const twice = plan({ requests: 2 });
  planRateLimiter.acquire(caller, twice, chat);
  clock.advance(20_000);
  planRateLimiter.acquire(caller, twice, chat);
  const refusal = { code: 'rate_limited', headers: { 'retry-after': '40' } };
  t.throws(() => planRateLimiter.acquire(caller, twice, chat), refusal as object as Error);
  t.doesNotThrow(
    () => planRateLimiter.acquire({ ...caller, accountId: 'b' }, twice, chat),
    'another account is not meant',
  );
  clock.advance(40_000);
  t.doesNotThrow(() => planRateLimiter.acquire(caller, twice, chat));
});

t.test('given a plan of one generation a minute, chats go on beside it', async (t) => {
  const planRateLimiter = createPlanRateLimiter(createFakeClock().now);
  const once = plan({ generations: 1 });
  const generation = { generation: true, stream: false };
  planRateLimiter.acquire(caller, once, generation);
  t.throws(() => planRateLimiter.acquire(caller, once, generation), { code: 'rate_limited' });
  t.doesNotThrow(() => planRateLimiter.acquire(caller, once, chat));
});

t.test('given a plan of one stream a person, the next begins when the first has ended', async (t) => {
  const planRateLimiter = createPlanRateLimiter(createFakeClock().now);
  const single = plan({ streams: 1 });
  const stream = { generation: false, stream: true };
  const leave = planRateLimiter.acquire(caller, single, stream);
  t.throws(() => planRateLimiter.acquire(caller, single, stream), { code: 'rate_limited' });
  t.doesNotThrow(
    () => planRateLimiter.acquire({ ...caller, userId: 'v' }, single, stream),
    'each person has their own',
  );
  leave();
  leave();
  const again = planRateLimiter.acquire(caller, single, stream);
  t.throws(
    () => planRateLimiter.acquire(caller, single, stream),
    { code: 'rate_limited' },
    'leaving twice frees one place',
  );
  again();
});

t.test('a plan without such caps is not slowed', async (t) => {
  const planRateLimiter = createPlanRateLimiter(createFakeClock().now);
  for (let i = 0; i < 1_000; i += 1)
    planRateLimiter.acquire(caller, plan({}), { generation: true, stream: true });
  t.pass();
});
