/** The example client of `metering.ts` against an installation. */
import t from 'tap';
import { startInstallation } from '../installation.fixture.ts';
import { createMetering, NotStarted } from './metering.ts';

const { call, customer, keyOf, url, pool } = await startInstallation(t, 'default');

t.test(
  'given a backend with the example client, then its own work is metered on the same limits',
  async (t) => {
    const partner = await customer('pro');
    const metering = createMetering({ baseUrl: url, apiKey: await keyOf(partner) });
    const operations = [
      { name: 'summary', model: 'gpt-4o-mini', input_tokens: 1_000, output_tokens: 500 },
      { name: 'cover', meters: { images: '2', cost: '1000000' } },
    ];
    const costs = async () =>
      (
        await pool.query(
          `SELECT step, status, usage_source, cost_nano_usd FROM usage_events WHERE account_id = $1 AND provider <> 'inkmeter' ORDER BY occurred_at, call_index`,
          [partner.accountId],
        )
      ).rows;

    t.match(await metering.check(operations), { allowed: true, cost_usd: '0.001450000' });
    const result = await metering.run(operations, async () => ({
      result: 'done',
      settlements: [{ usage: { input: 800, output: 100 } }, { meters: { images: '1', cost: '600000' } }],
    }));
    t.equal(result, 'done');
    const ok = { status: 'ok', usage_source: 'provider' };
    const first = [
      { step: 'summary', ...ok, cost_nano_usd: 180_000n },
      { step: 'cover', ...ok, cost_nano_usd: 600_000n },
    ];
    t.strictSame(
      (await costs()).toSorted((one, other) => (one.step > other.step ? -1 : 1)),
      first,
    );

    const limit = {
      meter: 'cost',
      window: 'day',
      amount: { kind: 'limited' as const, value_usd: '0.0000001' },
    };
    const { token } = await metering.sessionToken('customer-4711', { limits: [limit] });
    const chat = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }] };
    t.match(await call('/v1/chat/completions', token, chat), {
      status: 429,
      body: { error: { code: 'insufficient_quota' } },
    });

    const notStarted = metering.run(operations, () => Promise.reject(new NotStarted('The queue is full.')));
    await t.rejects(notStarted, /queue is full/);
    t.equal((await costs()).length, 2, 'released');
    await t.rejects(
      metering.run(operations.slice(0, 1), () => Promise.reject(new Error('The connection was lost.'))),
      /connection was lost/,
    );
    t.match((await costs()).at(-1), { usage_source: 'bound', cost_nano_usd: 450_000n });

    const events = [
      { id: 'shop-1', meter: 'images', amount: '3' },
      { id: 'shop-2', meter: 'images', amount: '-1', corrects: 'shop-1' },
    ];
    const reported = await metering.report([...events, ...events]);
    t.strictSame(
      reported.results.map(({ status }) => status),
      ['recorded', 'recorded', 'repeated', 'repeated'],
    );
    const usage = await call('/api/subscription/usage', partner.token);
    const images = usage.body.data.limits.find(({ meter }: { meter: string }) => meter === 'images');
    t.equal(images.used, '3', 'one settled and two reported');
    await t.rejects(
      metering.run([{ meters: { images: '1000000' } }], () => t.fail('not called') as never),
      {
        code: 'limit_exceeded',
        problem: { limit: { meter: 'images' } },
      },
    );
  },
);
