import t from 'tap';
import { testEntitlements } from '#libs/catalogue/fixtures.ts';
import { SERVICE_CALLER } from '#libs/contracts/internal-context.ts';
import { createPlanRateLimiter } from './plan-rate-limiter.ts';

const refusedBy = (policy: string) => ({ code: 'rate_limited', fields: { policy } }) as object as Error;

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

/** Counters and streams in memory, in a minute that has 40 seconds left. */
function createLimiter() {
  const used = new Map<string, number>();
  const open = new Map<string, Set<symbol>>();
  return createPlanRateLimiter(
    {
      async count({ name, max }, key) {
        const count = (used.get(`${name} ${key}`) ?? 0) + 1;
        used.set(`${name} ${key}`, count);
        return { isAllowed: count <= max, remaining: Math.max(0, max - count), resetMs: 39_500 };
      },
    },
    async (owner, max) => {
      const streams = open.get(owner) ?? new Set();
      open.set(owner, streams);
      if (streams.size >= max) return undefined;
      const stream = Symbol(owner);
      streams.add(stream);
      return () => void streams.delete(stream);
    },
  );
}

t.test('given a plan of two requests a minute, then the third names the policy that refused', async (t) => {
  const limiter = createLimiter();
  const twice = plan({ requests: 2 });
  await limiter.acquire(caller, twice, chat);
  await limiter.acquire({ ...caller, userId: null, keyId: 'k' }, twice, chat);
  await t.rejects(limiter.acquire(caller, twice, chat), {
    code: 'rate_limited',
    fields: { policy: 'requests_per_minute', max_requests: 2, window_seconds: 60 },
    headers: {
      'retry-after': '40',
      'ratelimit-policy': '"requests_per_minute";q=2;w=60',
      ratelimit: '"requests_per_minute";r=0;t=40',
    },
  } as object as Error);
  await t.resolves(limiter.acquire({ ...caller, accountId: 'b' }, twice, chat), 'another account');
});

t.test('given a plan of one generation a minute, chats are not limited', async (t) => {
  const limiter = createLimiter();
  const once = plan({ generations: 1 });
  const generation = { generation: true, stream: false };
  await limiter.acquire(caller, once, generation);
  await t.rejects(limiter.acquire(caller, once, generation), { code: 'rate_limited' });
  await t.resolves(limiter.acquire(caller, once, chat));
});

t.test('given a plan of one stream per user, the next begins when the first has ended', async (t) => {
  const limiter = createLimiter();
  const single = plan({ streams: 1, requests: 3 });
  const stream = { generation: false, stream: true };
  const release = await limiter.acquire(caller, single, stream);
  await t.rejects(limiter.acquire(caller, single, stream), refusedBy('streams_per_user'));
  await t.resolves(limiter.acquire({ ...caller, userId: 'v' }, single, stream), 'each user has their own');
  release?.();
  release?.();
  const again = await limiter.acquire(caller, single, stream);
  await t.rejects(limiter.acquire(caller, single, stream), refusedBy('streams_per_user'));
  again?.();
  await t.rejects(limiter.acquire(caller, single, stream), refusedBy('requests_per_minute'));
  await t.rejects(
    limiter.acquire(caller, single, stream),
    refusedBy('requests_per_minute'),
    'a refused request opens no stream',
  );
});
