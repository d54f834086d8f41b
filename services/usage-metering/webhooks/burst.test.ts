import t from 'tap';
import { PLACES, runBurst } from './burst.fixture.ts';

t.test(
  'given accounts that cross 80 % at once, a slow and failing receiver, and workers that are killed',
  async (t) => {
    const count = 60;
    const result = await runBurst(t, count);
    t.match(result, { alerts: count, accounts: count, ids: count }, 'each alert once, under one id');
    t.ok(result.killed >= 1);
    t.ok(result.refused >= count / 4);
    t.ok(
      result.repeated <= PLACES * result.killed,
      `${result.repeated} were accepted but not recorded by a killed worker`,
    );
  },
);
