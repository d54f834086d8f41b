import t from 'tap';
import { providerError } from '../fixtures.ts';
import { ProviderError, type ProviderErrorDetails, type ProviderErrorKind } from './provider-error.ts';
import { type RetryOptions, withRetries } from './retry.ts';

const policy = { maxAttempts: 3, baseDelayMs: 100, maxDelayMs: 5_000 };

type Failure = [ProviderErrorKind, ProviderErrorDetails?];

/** Fails as listed, then succeeds. */
async function run(failures: Failure[], options: Partial<RetryOptions> = {}) {
  const pauses: number[] = [];
  let attempts = 0;
  const result = await withRetries(
    async (number) => {
      attempts += 1;
      const failure = failures[number - 1];
      if (failure) throw new ProviderError(failure[0], failure[0], failure[1]);
      return 'answer';
    },
    {
      policy,
      signal: new AbortController().signal,
      random: () => 0.5,
      producedOutput: () => false,
      sleep: async (ms) => {
        pauses.push(ms);
      },
      ...options,
    },
  ).catch((error: unknown) => error);
  return { result, attempts, pauses };
}

t.test('what cannot have been billed is repeated, with growing jitter', async (t) => {
  for (const kind of ['connect', 'rate_limited', 'server', 'overloaded'] as const) {
    t.strictSame(await run([[kind], [kind]]), { result: 'answer', attempts: 3, pauses: [50, 100] }, kind);
  }
});

t.test('attempts are bounded', async (t) => {
  const { result, attempts } = await run([['server'], ['server'], ['overloaded'], ['server']]);
  t.match(result, providerError({ kind: 'overloaded' }), 'the last failure is thrown');
  t.equal(attempts, 3);
});

t.test('what may have been billed, or will not get better, is not repeated', async (t) => {
  for (const kind of [
    'timeout',
    'broken',
    'malformed',
    'bad_request',
    'authentication',
    'cancelled',
  ] as const) {
    t.equal((await run([[kind]])).attempts, 1, kind);
  }
  const { attempts } = await run([['server']], { producedOutput: () => true });
  t.equal(attempts, 1, 'after output');
});

t.test('Retry-After is obeyed, unless it asks for too much', async (t) => {
  t.strictSame((await run([['rate_limited', { retryAfterMs: 1_500 }]])).pauses, [1_550]);
  t.strictSame((await run([['rate_limited', { retryAfterMs: 0 }]])).pauses, [50]);
  const { attempts, result } = await run([['rate_limited', { retryAfterMs: 60_000 }]]);
  t.equal(attempts, 1);
  t.match(result, providerError({ retryAfterMs: 60_000 }));
});

t.test('a pause ends with the caller', async (t) => {
  const controller = new AbortController();
  const pending = withRetries(
    async () => {
      throw new ProviderError('server', 'down');
    },
    {
      policy: { ...policy, baseDelayMs: 4_000 },
      signal: controller.signal,
      random: () => 0.99,
      producedOutput: () => false,
      onRetry: () => setImmediate(() => controller.abort()),
    },
  );
  await t.rejects(pending, providerError({ kind: 'cancelled' }));
});
