/** Denial of wallet: clients that leave before a response that the provider bills in any case. */
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { request } from '#libs/testing/http.ts';
import { startInstallation } from './installation.fixture.ts';

t.setTimeout(180_000);

const CLIENTS = 60;
const POLL_MS = 100;
/** Of each call, as the simulator reports them. */
const INPUT_TOKENS = 4;
const OUTPUT_TOKENS = 120;
/** Of a token of gpt-4o-mini. */
const INPUT_NANO_USD = 150;
const OUTPUT_NANO_USD = 600;

t.test(
  'given 60 clients that leave before a response, then each call is counted as the provider bills it',
  async (t) => {
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
      const { rows } = await pool.query(
        `SELECT count(*)::int AS open FROM ledger_holds WHERE state = 'open'`,
      );
      return rows[0].open;
    };
    while ((await openHolds()) > 0) await delay(POLL_MS);

    const { rows } = await pool.query(
      `SELECT count(*)::int AS calls, sum(input_tokens)::int AS input, sum(output_tokens)::int AS output,
            sum(cost_nano_usd)::text AS cost, array_agg(DISTINCT usage_source) AS sources
       FROM usage_events WHERE account_id = $1 AND model = 'gpt-4o-mini'`,
      [someone.accountId],
    );
    const { all } = simulator.witness.totals();
    t.strictSame(all.usage.output, CLIENTS * OUTPUT_TOKENS, 'what the provider bills');
    t.strictSame(rows, [
      {
        calls: CLIENTS,
        input: CLIENTS * INPUT_TOKENS,
        output: CLIENTS * OUTPUT_TOKENS,
        cost: String(CLIENTS * (INPUT_TOKENS * INPUT_NANO_USD + OUTPUT_TOKENS * OUTPUT_NANO_USD)),
        sources: ['provider'],
      },
    ]);
    const { rows: counters } = await pool.query(
      `SELECT used::text FROM ledger_counters WHERE account_id = $1 AND meter = 'cost' AND scope = 'account' LIMIT 1`,
      [someone.accountId],
    );
    t.equal(counters[0]?.used, rows[0].cost, 'against the limit of the plan');
  },
);
