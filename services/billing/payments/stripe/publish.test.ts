import t from 'tap';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import { startTestStripe } from '#libs/simulators/stripe/stripe.fixture.ts';
import { DEFAULT_CATALOGUE } from '../../fixtures.ts';
import { describeStep, planPublication, publish } from './publish.ts';

t.test('given the default catalogue', async (t) => {
  const { stripe } = await startTestStripe(t);
  const catalogue = parseCatalogue(DEFAULT_CATALOGUE);
  const sold = async () =>
    (await stripe.prices.list({ active: true, limit: 100 })).data
      .map(({ lookup_key, unit_amount }) => `${lookup_key} ${unit_amount}`)
      .sort();

  await t.test('then paid plans with a price are published', async (t) => {
    const steps = await planPublication(stripe, catalogue);
    t.match(steps.map(describeStep), ['+ product basic (Basic)']);
    await publish(stripe, steps);
    t.strictSame(await sold(), [
      'inkmeter:basic:month 2900',
      'inkmeter:basic:year 29000',
      'inkmeter:enterprise:month 19900',
      'inkmeter:enterprise:year 199000',
      'inkmeter:pro:month 7900',
      'inkmeter:pro:year 79000',
    ]);
  });

  await t.test(
    'when it is published again, also from two machines at once, then nothing changes',
    async (t) => {
      t.strictSame(await planPublication(stripe, catalogue), []);
      const dearer = parseCatalogue(DEFAULT_CATALOGUE.replaceAll('7900', '8900'));
      const steps = await planPublication(stripe, dearer);
      await Promise.all([publish(stripe, steps), publish(stripe, steps)]);
      t.ok((await sold()).includes('inkmeter:pro:month 8900'));
      t.equal((await sold()).length, 6);
      t.strictSame(await planPublication(stripe, dearer), []);
    },
  );

  await t.test('when a plan is no longer sold, then its prices are archived and not deleted', async (t) => {
    const before = (await stripe.prices.list({ limit: 100 })).data.length;
    const plans = catalogue.plans.filter(({ key }) => key !== 'enterprise');
    const steps = await planPublication(stripe, { ...catalogue, plans });
    await publish(stripe, steps);
    t.equal((await sold()).filter((price) => price.includes('enterprise')).length, 0);
    t.ok((await stripe.prices.list({ limit: 100 })).data.length >= before);
  });
});
