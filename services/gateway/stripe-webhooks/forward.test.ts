import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { decodeDeliveries, STRIPE_DELIVERIES_ROUTE } from '#libs/contracts/stripe-deliveries.ts';
import { createFailover } from '#libs/http/failover.ts';
import { createServicePool, isNotSent } from '#libs/http/service-pool.ts';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { createForwarder } from './forward.ts';

type Sent = { path: string; signature: string | undefined; body: Buffer };

const delivery = (id: string) => ({ id, signature: `t=1,v1=${id}`, body: Buffer.from(`{"id":"${id}"}`) });
const BOTH = [delivery('a'), delivery('b')];

/** Billing that answers like this, by path. */
async function given(t: Test, answers: Record<string, { status: number; body: unknown }>) {
  const sent: Sent[] = [];
  const server = createServer(async (request, response) => {
    const { url: path = '', headers } = request;
    sent.push({ path, signature: headers['stripe-signature']?.toString(), body: await buffer(request) });
    const { status, body } = answers[path] ?? { status: 404, body: {} };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  const pool = createServicePool(await listenServerOnFreePort(t, server));
  t.teardown(() => pool.close());
  return { sent, forward: createForwarder(createFailover([pool], isNotSent), () => 'signed') };
}

t.test(
  'given billing with Stripe, then deliveries go in one request, and each has its own result',
  async (t) => {
    const refused = { code: 'invalid_request', detail: 'The signature is wrong.' };
    const { sent, forward } = await given(t, {
      [STRIPE_DELIVERIES_ROUTE]: { status: 200, body: [null, refused] },
    });
    const [first, second] = await forward(BOTH);
    t.equal(await first, null);
    await t.rejects(second ?? Promise.resolve(), { code: refused.code, message: refused.detail });
    t.equal(sent.length, 1);
    t.strictSame(
      decodeDeliveries(sent[0]?.body ?? Buffer.alloc(0)),
      BOTH.map(({ signature, body }) => ({ signature, body })),
    );
  },
);

t.test('given billing without the route of many, then each goes alone, with its own answer', async (t) => {
  const { sent, forward } = await given(t, {
    '/api/webhooks/stripe': { status: 409, body: { code: 'payments_not_hosted', detail: 'No provider.' } },
  });
  for (const result of await forward(BOTH)) {
    await t.rejects(result, { code: 'payments_not_hosted', message: 'No provider.' });
  }
  t.match(
    sent.slice(1).map(({ signature, body }) => [signature, body.toString()]),
    BOTH.map(({ signature, body }) => [signature, body.toString()]),
  );
});

t.test('given billing that fails, then Stripe is to try again', async (t) => {
  const { forward } = await given(t, { [STRIPE_DELIVERIES_ROUTE]: { status: 500, body: {} } });
  await t.rejects(forward(BOTH), { code: 'service_unavailable' });
});
