import { readFileSync } from 'node:fs';
import t from 'tap';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import { mapPlan } from './plan-mapping.ts';

const preset = (name: string) =>
  parseCatalogue(
    readFileSync(new URL(`../../../../deploy/catalogues/${name}.yaml`, import.meta.url), 'utf8'),
  );

t.test('a plan of one catalogue is mapped to a plan of another', async (t) => {
  const cases: [string, string, string, string, string][] = [
    ['default', 'basic', 'default', 'basic', 'key'],
    ['default', 'basic', 'lily', 'starter', 'alias'],
    ['lily', 'starter', 'default', 'basic', 'alias'],
    ['lily', 'starter', 'crew', 'basic', 'alias'],
    ['default', 'enterprise', 'alwrity-alpha', 'pro-alpha', 'rank'],
    ['alwrity-alpha', 'pro-alpha', 'default', 'pro', 'alias'],
    ['alwrity-alpha', 'free-alpha', 'whisperforge', 'free', 'alias'],
    ['default', 'forgotten', 'lily', 'free', 'default'],
  ];
  for (const [from, plan, to, successor, by] of cases) {
    const mapping = mapPlan(plan, preset(from), preset(to));
    t.strictSame([mapping.plan.key, mapping.by], [successor, by], `${plan} of ${from} in ${to}`);
  }
});

t.test('never maps to a higher rank or to a plan that is not on offer', async (t) => {
  const plan = (key: string, rank: number, rest = '') =>
    `{ key: ${key}, name: ${key}, rank: ${rank}, price: { monthlyMinor: 0 }${rest} }`;
  const catalogue = (...plans: string[]) =>
    parseCatalogue(
      `{ id: test, name: Test, version: '1', currency: USD, defaultPlan: base, plans: [${plans}] }`,
    );
  const from = catalogue(plan('base', 0), plan('silver', 15));
  const to = catalogue(
    plan('base', 0),
    plan('bronze', 10),
    plan('secret', 12, ', listed: false'),
    plan('gold', 20),
  );
  t.match(mapPlan('silver', from, to), { plan: { key: 'bronze' }, by: 'rank' });
  const above = catalogue(plan('base', 50), plan('gold', 60));
  t.match(mapPlan('silver', from, above), { plan: { key: 'base' }, by: 'default' });
});
