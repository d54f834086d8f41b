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
