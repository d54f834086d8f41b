import t from 'tap';
import type { CatalogueMigrationWire, CatalogueVersionWire } from '#libs/contracts/catalogues.ts';
import { type EntitlementsWire, entitlementsPath } from '#libs/contracts/entitlements.ts';
import { createDatabase } from '#libs/db/database.ts';
import { createPool } from '#libs/db/pool.ts';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import { createLedger, type Ledger } from '#libs/ledger/ledger.ts';
import { accountCaller, createTestService, DEFAULT_CATALOGUE, staffCaller } from '../fixtures.ts';
import { runAllRollouts } from './catalogues.fixture.ts';
import { findActiveVersionId } from './store.ts';

const CATALOGUES = '/api/admin/catalogues';
const ACCOUNTS = 12;
const HOLDS_BETWEEN = 60;

/** Limits of the free plan: cost a period, tokens a day and a period. */
const FIGURES = {
  old: ['2000000000', '150000', '500000'],
  new: ['3000000000', '200000', '600000'],
};
const NEW_CATALOGUE = DEFAULT_CATALOGUE.replace('amount: 2.00 USD', 'amount: 3.00 USD')
  .replace('window: day, amount: 150_000', 'window: day, amount: 200_000')
  .replace('window: period, amount: 500_000', 'window: period, amount: 600_000');

t.test('given two replicas that serve a dozen accounts', async (t) => {
  const service = await createTestService(t);
  const { pool, runtime, call } = service;
  const { connectionString } = pool.options;
  const otherPool = createPool({
    connectionString: String(connectionString),
    max: 6,
    applicationName: 'other-replica',
    statementTimeoutMs: 30_000,
  });
  const replicas = [service.ledger, createLedger({ pool: otherPool, now: runtime.clock.now })] as const;
  const accounts = Array.from({ length: ACCOUNTS }, () => runtime.newId());
  await pool.query(
    `INSERT INTO accounts (id, name, created_at) SELECT i, 'Test', now() FROM unnest($1::uuid[]) i`,
    [accounts],
  );
  for (const account of accounts)
    await call('GET', entitlementsPath(account), { as: accountCaller(account) });
  const importVersion = async (text: string) =>
    (
      await call<CatalogueVersionWire>('POST', CATALOGUES, {
        as: staffCaller('admin'),
        body: text,
      })
    ).body.version_id;
  const versions = { old: await importVersion(DEFAULT_CATALOGUE), new: await importVersion(NEW_CATALOGUE) };

  let isWorking = true;
  let settled = 0;
  const failures: unknown[] = [];
  const mixed: unknown[] = [];
  let wake = () => {};

  async function work(ledger: Ledger, accountId: string): Promise<void> {
    while (isWorking) {
      const id = runtime.newId();
      const meters = { cost: 1n, 'tokens.total': 1n };
      const held = await ledger.hold(testHold(accountId, id, meters));
      if (held.verdict !== 'ok') failures.push(held);
      const done = await ledger.settle(testSettle(accountId, id, meters));
      if (done.outcome !== 'settled' || done.late || done.overrun) failures.push(done);
      settled += 1;
      wake();
    }
  }

  /** The entitlements of an account must come from one version. */
  async function ask(accountId: string): Promise<void> {
    while (isWorking) {
      const { body } = await call<EntitlementsWire>('GET', entitlementsPath(accountId), {
        as: accountCaller(accountId),
      });
      const figures = body.limits
        .filter(({ meter }) => meter === 'cost' || meter === 'tokens.total')
        .map(({ amount }) => (amount.kind === 'n' ? String(amount.n) : amount.kind));
      const expected = body.catalogue.version === versions.new ? FIGURES.new : FIGURES.old;
      if (figures.join() !== expected.join()) mixed.push({ version: body.catalogue.version, figures });
    }
  }

  /** Resolves when so many more calls have been made. */
  async function traffic(calls: number): Promise<void> {
    const goal = settled + calls;
    while (settled < goal) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  const running = Promise.all([
    ...accounts.flatMap((account) => replicas.map((ledger) => work(ledger, account))),
    ...accounts.slice(0, 2).map(ask),
  ]);
  const run = () => runAllRollouts({ pool, runtime, onFailure: (line) => failures.push(line) });

  await t.test('when versions are published one after the other, then every account is moved', async (t) => {
    const elsewhere = createDatabase(otherPool);
    for (const version of [versions.new, versions.old, versions.new]) {
      await traffic(HOLDS_BETWEEN);
      const { status, body } = await call<CatalogueMigrationWire>(
        'POST',
        `${CATALOGUES}/${version}/publish`,
        { as: staffCaller('admin'), body: { migration: 'now' } },
      );
      t.strictSame([status, body.accounts_total], [202, ACCOUNTS]);
      t.equal(await findActiveVersionId(elsewhere), version, 'the other replica sees it at once');
      await run();
      const { rows } = await pool.query(
        'SELECT count(*)::integer AS n FROM subscriptions WHERE catalogue_version_id = $1',
        [version],
      );
      t.strictSame(rows, [{ n: ACCOUNTS }]);
    }
    await traffic(HOLDS_BETWEEN);
  });

  isWorking = false;
  await running;

  await t.test('then no call failed, and no response mixed two versions', async (t) => {
    t.strictSame(failures, []);
    t.strictSame(mixed, []);
    t.ok(settled >= 4 * HOLDS_BETWEEN, `${settled} calls`);
  });

  await t.test('then each call was limited by one version', async (t) => {
    const { rows } = await pool.query<{ figures: string; n: number }>(
      `SELECT figures, count(*)::integer AS n FROM (
         SELECT string_agg(s.amount::text, ',' ORDER BY c.meter, c.win) AS figures
           FROM ledger_holds h, unnest(h.counter_ids, h.seen_amount) s(counter_id, amount)
           JOIN ledger_counters c ON c.id = s.counter_id
          WHERE c.meter IN ('cost', 'tokens.total')
          GROUP BY h.id) judged
        GROUP BY figures ORDER BY figures`,
    );
    t.strictSame(
      rows.map(({ figures }) => figures),
      [FIGURES.old.join(), FIGURES.new.join()],
    );
    t.equal(
      rows.reduce((sum, { n }) => sum + n, 0),
      settled,
    );
  });

  await t.test('then the balances are complete: all usage is counted, and nothing stays held', async (t) => {
    const { rows } = await pool.query(
      `SELECT meter, win, sum(used)::integer AS used, sum(held)::integer AS held FROM ledger_counters
        WHERE meter IN ('cost', 'tokens.total') GROUP BY meter, win ORDER BY meter, win`,
    );
    t.strictSame(rows, [
      { meter: 'cost', win: 'period', used: settled, held: 0 },
      { meter: 'tokens.total', win: 'day', used: settled, held: 0 },
      { meter: 'tokens.total', win: 'period', used: settled, held: 0 },
    ]);
  });
  await otherPool.end();
});
