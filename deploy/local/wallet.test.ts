/** Denial of wallet: clients that leave before a response that the provider bills in any case. */
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { request } from '#libs/testing/http.ts';
import { startInstallation } from './installation.fixture.ts';

t.setTimeout(180_000);

const CLIENTS = 60;
const POLL_MS = 100;

t.test('given 60 clients that leave before a response, then each call is counted', async (t) => {
  const { url, customer, keyOf, pool, simulator } = await startInstallation(t, 'default');
  const someone = await customer('enterprise');
  const key = await keyOf(someone);
  for (let client = 1; client <= CLIENTS; client += 1) {
    const controller = new AbortController();
    const pending = request(`${url}/v1/chat/completions`, {
      headers: { authorization: `Bearer ${key}` },
      body: {
        model: 'gpt-4o-mini',
        max_tokens: 8_000,
        messages: [{ role: 'user', content: 'hi [[simulate: slow=200]]' }],
      },
      signal: controller.signal,
    });
    await simulator.witness.arrived(client);
    controller.abort();
    await t.rejects(pending);
  }

  const openHolds = async () => {
    const { rows } = await pool.query(`SELECT count(*)::int AS open FROM ledger_holds WHERE state = 'open'`);
    return rows[0].open;
  };
  while ((await openHolds()) > 0) await delay(POLL_MS);

  const { rows } = await pool.query(
    `SELECT count(*)::int AS calls, sum(output_tokens)::bigint AS output, sum(cost_nano_usd)::bigint AS cost,
            min(output_tokens)::int AS least, array_agg(DISTINCT usage_source) AS sources
       FROM usage_events WHERE account_id = $1 AND usage_source <> 'counted'`,
    [someone.accountId],
  );
  const [booked] = rows;
  const { all } = simulator.witness.totals();
  t.equal(booked.calls, CLIENTS);
  t.ok(booked.least > 0, 'never nothing');
  t.ok(
    booked.sources.every((source: string) => ['provider', 'bound'].includes(source)),
    booked.sources.join(),
  );
  t.ok(
    Number(booked.output) >= all.usage.output,
    `${booked.output} tokens counted, ${all.usage.output} billed`,
  );
  t.ok(Number(booked.cost) > 0);
  const { rows: counters } = await pool.query(
    `SELECT used::text FROM ledger_counters WHERE account_id = $1 AND meter = 'cost' AND scope = 'account' LIMIT 1`,
    [someone.accountId],
  );
  t.equal(counters[0]?.used, String(booked.cost), 'against the limit of the plan');
});
