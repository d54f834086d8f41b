import { mock } from 'node:test';
import t from 'tap';
import { createBodyBudget } from './domain.ts';

t.test('bodies fit while their sum is within the budget', async (t) => {
  const budget = createBodyBudget(100);
  t.equal(budget.take(60), true);
  t.equal(budget.take(41), false);
  t.equal(budget.take(40), true);
  t.equal(budget.take(1), false);
  budget.give(60);
  t.equal(budget.take(60), true);
});

t.test('a body above the budget is served alone', async (t) => {
  const budget = createBodyBudget(100);
  t.equal(budget.take(150), true);
  t.equal(budget.take(1), false);
  budget.give(150);
  t.equal(budget.take(1), true);
});

t.test('bodies wait in turn, and a later one does not overtake', async (t) => {
  const budget = createBodyBudget(100);
  budget.take(100);
  const large = budget.wait(80, 1_000);
  const small = budget.wait(30, 1_000);
  budget.give(50);
  t.equal(budget.take(10), false, 'others wait');
  budget.give(50);
  t.equal(await large.taken, true);
  budget.give(80);
  t.equal(await small.taken, true);
  t.equal(budget.take(70), true);
});

t.test('a body that waits in vain, or whose client leaves, makes room for the next', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  const budget = createBodyBudget(100);
  budget.take(60);
  const late = budget.wait(90, 1_000);
  const gone = budget.wait(80, 5_000);
  const next = budget.wait(40, 5_000);
  mock.timers.tick(1_000);
  t.equal(await late.taken, false);
  gone.cancel();
  t.equal(await gone.taken, false);
  t.equal(await next.taken, true);
  budget.give(60);
  budget.give(40);
  t.equal(budget.take(100), true, 'nothing was lost');
});
