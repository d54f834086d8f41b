import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import t from 'tap';
import { createDistribution, createSeries } from './series.ts';

const BOUNDS = [0.001, 0.01, 0.1, 1];
const common = { name: 'seconds', help: 'How long', labelNames: ['route', 'status'] };

/** Labels have no order. */
const lines = (text: string) =>
  text
    .split('\n')
    .map((line) => line.replace(/{(.*)}/, (_, labels: string) => labels.split(',').sort().join()));

t.test('a state is found again by the values of its labels, in their order', (t) => {
  const series = createSeries(['a', 'b'], () => ({ n: 0 }));
  series.find('x', 'y').n += 1;
  series.find('x', 'y').n += 1;
  series.find('y', 'x').n += 5;
  t.strictSame(
    [...series.all()],
    [
      { labels: { a: 'x', b: 'y' }, state: { n: 2 } },
      { labels: { a: 'y', b: 'x' }, state: { n: 5 } },
    ],
  );
  t.end();
});

t.test('a distribution tells what a histogram of prom-client tells', async (t) => {
  const observation = fc.record({
    // exact in binary, so that sums do not depend on their order
    value: fc.oneof(
      fc.integer({ min: 0, max: 2_048 }).map((n) => n / 1_024),
      fc.constantFrom(...BOUNDS, 0, 1),
    ),
    route: fc.constantFrom('/v1/models', '/v1/"quoted"', '/:id'),
    status: fc.constantFrom('2xx', '5xx'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(observation, { maxLength: 60 }), async (observations) => {
      const [ours, theirs] = [new Registry(), new Registry()];
      for (const registry of [ours, theirs]) registry.setDefaultLabels({ service: 'test' });
      const distribution = createDistribution({ registry: ours, ...common, bounds: BOUNDS });
      const histogram = new Histogram({ registers: [theirs], ...common, buckets: BOUNDS });
      for (const { value, route, status } of observations) {
        distribution.observe(value, route, status);
        histogram.observe({ route, status }, value);
      }
      t.strictSame(lines(await ours.metrics()), lines(await theirs.metrics()));
    }),
    { numRuns: 50 },
  );
});
