import t from 'tap';
import { createCircuitBreaker } from './circuit-breaker.ts';

t.test('given failures in a row, then a target is avoided, and tried once after each pause', async (t) => {
  let now = 0;
  const breaker = createCircuitBreaker({ failures: 3, pauseMs: 10_000, monotonicMs: () => now });
  const target = 'openai/gpt-4o';
  for (const _failure of [1, 2]) breaker.failed(target);
  t.equal(breaker.allows(target), true, 'two are not enough');
  t.strictSame(breaker.avoided(), []);
  breaker.failed(target);
  t.strictSame(breaker.avoided(), [target]);
  t.equal(breaker.allows(target), false);
  t.equal(breaker.allows('openai/gpt-4o-mini'), true, 'another model');
  now = 10_000;
  t.equal(breaker.allows(target), true, 'one call tries');
  t.equal(breaker.allows(target), false, 'the others wait for its outcome');
  breaker.failed(target);
  t.equal(breaker.allows(target), false);
  now = 20_000;
  t.equal(breaker.allows(target), true);
  breaker.succeeded(target);
  t.strictSame(breaker.avoided(), []);
  t.equal(breaker.allows(target), true);
  t.equal(breaker.allows(target), true);
});
