import t from 'tap';
import type { ChangePreview } from '#libs/contracts/subscriptions.ts';
import { addAccount, createJobs, customer, markPaid, requestsOf } from '../customers.fixture.ts';
import { ACCOUNT, createTestService, DEFAULT_CATALOGUE, TEST_PAYMENT_TERMS } from '../fixtures.ts';

type Preview = { data: ChangePreview };

const PREVIEW = '/api/subscription/preview';
t.test('given free plans and plans with a negotiated price', async (t) => {
  const service = await createTestService(
    t,
    DEFAULT_CATALOGUE.replace(
      '  - key: basic',
      '  - { key: open, name: Open, rank: 5, price: { monthlyMinor: 0 } }\n  - key: basic',
    ).replace('price: { monthlyMinor: 19900, yearlyMinor: 199000 }', 'price: { monthlyMinor: null }'),
  );
  const { upgrade, get, current } = customer(service);

  await t.test('then free plans take effect at once', async (t) => {
    t.match((await get<Preview>(`${PREVIEW}?plan=open`)).body.data, {
      effective: 'now',
      amount_due_now_minor: 0,
    });
    const { status, body } = await upgrade('open');
    t.equal(status, 200);
    t.match(body.data, { plan: 'open', status: 'active', access_ends_at: null });
    t.strictSame(await requestsOf(service), []);
  });

  await t.test('then plans with a negotiated price are only assigned by staff', async (t) => {
    t.match((await get<Preview>(`${PREVIEW}?plan=enterprise`)).body.data, {
      available: false,
      unavailable_reason: 'contact_sales',
      recurring_minor: null,
    });
    const { status, body } = await upgrade('enterprise');
    t.match([status, body.reason], [409, 'contact_sales']);
    t.match(await current(), { plan: 'open' });
  });
});

t.test('given a driver that collects at once, then the plan changes at once', async (t) => {
  const orders: unknown[] = [];
  const service = await createTestService(t, DEFAULT_CATALOGUE, {
    ...TEST_PAYMENT_TERMS,
    payments: {
      driver: 'instant',
      hosted: null,
      requestPayment: async (order) => {
        orders.push(order);
        return { id: 'charge-1', status: 'paid', instructions: 'Nothing to do.' };
      },
    },
  });
  const { status, body } = await customer(service).upgrade('pro');
  t.equal(status, 200);
  t.match(body.data, { plan: 'pro', status: 'active' });
  const [request] = await requestsOf(service);
  t.match(orders, [
    { accountId: ACCOUNT, plan: 'pro', cycle: 'month', amountMinor: 7900, idempotencyKey: request?.id },
  ]);
  t.match(request, { status: 'paid', note: 'charge-1' });
});

t.test('given a driver that fails, then nothing changes and the request is collected later', async (t) => {
  let isDown = true;
  const terms = {
    ...TEST_PAYMENT_TERMS,
    payments: {
      driver: 'unreliable',
      hosted: null,
      requestPayment: async ({ idempotencyKey: id }: { idempotencyKey: string }) => {
        if (isDown) throw new Error('down');
        return { id, status: 'open' as const, instructions: 'Pay here.' };
      },
    },
  };
  const service = await createTestService(t, DEFAULT_CATALOGUE, terms);
  const { upgrade, current } = customer(service);
  t.equal((await upgrade('pro')).status, 500);
  t.match(await current(), { plan: 'free' });
  const { renew, lines } = createJobs(service);
  await renew();
  t.ok(lines.some(({ level }) => level === 'error'));
  isDown = false;
  await renew();
  t.match((await upgrade('pro')).body.payment_request, { instructions: 'Pay here.' });
  t.equal((await requestsOf(service)).length, 1);
});

t.test('given a newer catalogue version, then upgrades are sold under it', async (t) => {
  const service = await createTestService(t);
  const { buy, current, upgrade } = customer(service);
  await buy('basic');
  await service.importText(
    DEFAULT_CATALOGUE.replace(
      'monthlyMinor: 7900, yearlyMinor: 79000',
      'monthlyMinor: 8900, yearlyMinor: 89000',
    ),
  );
  t.match(await current(), { catalogue: { version: 1 }, plan: 'basic' });
  const { body } = await upgrade('pro');
  t.equal(body.payment_request?.amount_minor, 8900 - 2900);
  await markPaid(service, body.payment_request?.id ?? '');
  t.match(await current(), {
    catalogue: { version: 2 },
    plan: 'pro',
    price: { monthly_minor: 8900 },
  });
});

t.test('given an unknown or deleted account, then nothing is sold to it', async (t) => {
  const service = await createTestService(t);
  const unknown = customer(service, service.runtime.newId());
  t.equal((await unknown.upgrade('pro')).status, 404);
  const deleted = await addAccount(service);
  await service.pool.query(`UPDATE accounts SET status = 'deleted' WHERE id = $1`, [deleted]);
  t.equal((await customer(service, deleted).upgrade('pro')).status, 404);
  t.strictSame(await requestsOf(service), []);
});
