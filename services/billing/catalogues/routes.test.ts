import { readFileSync } from 'node:fs';
import t from 'tap';
import type { AuditEntryWire } from '#libs/contracts/audit.ts';
import type {
  CatalogueMigrationWire,
  CatalogueVersionWire,
  PublishPreview,
} from '#libs/contracts/catalogues.ts';
import type { CurrentSubscription } from '#libs/contracts/plans.ts';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import {
  ACCOUNT,
  accountCaller,
  createTestService,
  DEFAULT_CATALOGUE,
  notificationsDuring,
  OTHER_ACCOUNT,
  STAFF,
  staffCaller,
  type TestService,
} from '../fixtures.ts';
import { runAllRollouts } from './catalogues.fixture.ts';

type Imported = CatalogueVersionWire & { changes: string[] };
type Listed = { data: CatalogueVersionWire[]; next_cursor: string | null };
type Published = CatalogueMigrationWire;
type Previewed = PublishPreview;
type Current = { data: CurrentSubscription };
type Refusal = { code: string; detail: string; issues?: { line: number; path: string; message: string }[] };

const CATALOGUES = '/api/admin/catalogues';
const CURRENT = '/api/subscription/current';
const LILY = readFileSync(new URL('../../../deploy/catalogues/lily.yaml', import.meta.url), 'utf8');
const FEWER_IMAGES = replaceIn(
  DEFAULT_CATALOGUE,
  'meter: images, window: period, amount: 5 ',
  'meter: images, window: period, amount: 3 ',
);
const MORE_MONEY = replaceIn(DEFAULT_CATALOGUE, 'amount: 2.00 USD', 'amount: 3.00 USD');

function replaceIn(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`the catalogue has no ${from}`);
  return text.replace(from, to);
}

function toolsOf(t: { error: (error: unknown) => unknown }, service: TestService) {
  const { call, ledger, runtime, pool } = service;
  const importVersion = async (text: string) =>
    (await call<Imported>('POST', CATALOGUES, { as: staffCaller('admin'), body: text })).body.version_id;
  return {
    importVersion,
    publish: async (versionId: string, migration: string) =>
      (
        await call<Published>('POST', `${CATALOGUES}/${versionId}/publish`, {
          as: staffCaller('admin'),
          body: { migration },
        })
      ).body,
    preview: async (versionId: string, migration: string, query = '') =>
      (
        await call<Previewed>('POST', `${CATALOGUES}/${versionId}/publish/preview${query}`, {
          as: staffCaller('admin'),
          body: {
            migration,
          },
        })
      ).body,
    rollOut: () => runAllRollouts({ pool, runtime, onFailure: (line) => t.error(line) }),
    current: async (accountId: string) =>
      (await call<Current>('GET', CURRENT, { as: accountCaller(accountId) })).body.data,
    hold: async (meters: Record<string, bigint>, accountId = ACCOUNT) => {
      const id = runtime.newId();
      return { id, ...(await ledger.hold(testHold(accountId, id, meters))) };
    },
  };
}

t.test('given the default catalogue on offer', async (t) => {
  const service = await createTestService(t);
  const { call, pool } = service;

  await t.test('when a file is imported as YAML and as JSON, then it is one inactive version', async (t) => {
    const first = await call<Imported>('POST', CATALOGUES, {
      as: staffCaller('admin'),
      body: FEWER_IMAGES,
    });
    t.equal(first.status, 201);
    t.match(first.body, {
      ...{ catalogue_id: 'default', version: 2, active: false, subscriptions: 0, author: STAFF },
      changes: ['plan free: limit images per period lowered: 5 → 3'],
    });
    const again = await call<Imported>('POST', CATALOGUES, {
      as: staffCaller('admin'),
      body: { source: FEWER_IMAGES },
    });
    t.equal(again.status, 200);
    t.strictSame(again.body, first.body);
    t.match((await call<Current>('GET', CURRENT, { as: accountCaller(ACCOUNT) })).body.data.catalogue, {
      version: 1,
    });
  });

  await t.test('then versions can be listed and read', async (t) => {
    await call('POST', CATALOGUES, { as: staffCaller('admin'), body: MORE_MONEY });
    const first = (await call<Listed>('GET', `${CATALOGUES}?limit=2`, { as: staffCaller('support') })).body;
    t.strictSame(
      first.data.map(({ version, active }) => [version, active]),
      [
        [3, false],
        [2, false],
      ],
    );
    const rest = (
      await call<Listed>('GET', `${CATALOGUES}?cursor=${first.next_cursor}`, { as: staffCaller('support') })
    ).body;
    t.match(rest, { data: [{ version: 1, active: true, subscriptions: 1 }], next_cursor: null });
    const id = first.data[0]?.version_id;
    const { body } = await call<object>('GET', `${CATALOGUES}/${id}`, {
      as: staffCaller('support'),
    });
    t.match(body, {
      version: 3,
      source: MORE_MONEY,
      changes: [/plan free: limit cost per period raised: 2.000000000 USD → 3.000000000 USD/],
    });
  });

  await t.test('when a file is wrong, then every error is reported with its line', async (t) => {
    const wrong = `${DEFAULT_CATALOGUE.replace('rank: 10', 'rank: ten')}\nsurprise: true\n`;
    for (const body of [wrong, { source: wrong }]) {
      const answer = await call<Refusal>('POST', CATALOGUES, { as: staffCaller('admin'), body });
      t.match(answer, { status: 422, body: { code: 'semantic_error' } });
      const lineOf = (text: string) => wrong.split('\n').findIndex((line) => line.includes(text)) + 1;
      t.match(answer.body.issues, [
        { line: lineOf('rank: ten'), path: 'plans[1].rank' },
        { line: lineOf('surprise'), path: 'surprise' },
      ]);
    }
    t.match(
      (await call<Refusal>('POST', CATALOGUES, { as: staffCaller('admin'), body: 'a: [' })).body.issues,
      [{ line: 1 }],
    );
    const priced = `${DEFAULT_CATALOGUE}\nprices:\n  - { provider: openai, model: gpt-4o-mini, prices: [{ from: 2024-01-01, perMillion: { input: 1, cache_read: 1, cache_write: 1, output: 2, reasoning: 2 } }] }\n`;
    t.equal((await call('POST', CATALOGUES, { as: staffCaller('admin'), body: priced })).status, 422);
  });

  await t.test('when a model has no price, then its line is reported', async (t) => {
    const info = { provider: 'openai', model: 'gpt-4o-mini', kind: 'text', aliases: [] };
    await pool.query(
      `INSERT INTO models (provider, model, info, enabled, updated_at) VALUES ('openai', 'gpt-4o-mini', $1, true, now())`,
      [info],
    );
    const answer = await call<Refusal>('POST', CATALOGUES, {
      as: staffCaller('admin'),
      body: `# new\n${DEFAULT_CATALOGUE}`,
    });
    t.equal(answer.status, 422);
    t.ok(answer.body.issues?.some(({ message }) => /is not in the price book/.test(message)));
    await pool.query('DELETE FROM models');
  });

  await t.test('then a body that is not a file is refused', async (t) => {
    t.equal((await call('POST', CATALOGUES, { as: staffCaller('admin'), body: {} })).status, 400);
    t.equal((await call('POST', CATALOGUES, { as: staffCaller('admin'), body: { source: 1 } })).status, 400);
    t.equal(
      (
        await call('POST', CATALOGUES, {
          as: staffCaller('admin'),
          body: { source: `#${'x'.repeat(500_000)}` },
        })
      ).status,
      400,
    );
    t.equal(
      (await call('POST', CATALOGUES, { as: staffCaller('admin'), body: `#${'x'.repeat(2_000_000)}` }))
        .status,
      413,
    );
  });

  await t.test('then only admins may import, publish and preview, and support may read', async (t) => {
    const { data: versions } = (await call<Listed>('GET', CATALOGUES, { as: staffCaller('support') })).body;
    const one = `${CATALOGUES}/${versions[0]?.version_id}`;
    const body = { migration: 'now' };
    for (const role of ['none', 'support'] as const) {
      t.equal(
        (await call('POST', CATALOGUES, { as: staffCaller(role), body: DEFAULT_CATALOGUE })).status,
        403,
        role,
      );
      t.equal((await call('POST', `${one}/publish`, { as: staffCaller(role), body })).status, 403, role);
      t.equal(
        (await call('POST', `${one}/publish/preview`, { as: staffCaller(role), body })).status,
        403,
        role,
      );
    }
    t.equal((await call('GET', CATALOGUES, { as: staffCaller('none') })).status, 403);
    t.equal((await call('GET', one, { as: staffCaller('none') })).status, 403);
    for (const [method, url] of [
      ['GET', CATALOGUES],
      ['GET', one],
      ['POST', CATALOGUES],
      ['POST', `${one}/publish`],
      ['POST', `${one}/publish/preview`],
      ['GET', `/api/admin/catalogue-migrations/${ACCOUNT}`],
    ] as const) {
      t.equal((await call(method, url)).status, 401, `${method} ${url}`);
    }
  });

  await t.test('then unknown versions are not found, and unknown migrations are refused', async (t) => {
    const nothing = `${CATALOGUES}/${ACCOUNT}`;
    t.equal((await call('GET', nothing, { as: staffCaller('admin') })).status, 404);
    t.equal(
      (await call('POST', `${nothing}/publish`, { as: staffCaller('admin'), body: { migration: 'now' } }))
        .status,
      404,
    );
    t.equal(
      (
        await call('POST', `${nothing}/publish/preview`, {
          as: staffCaller('admin'),
          body: { migration: 'now' },
        })
      ).status,
      404,
    );
    t.equal(
      (await call('GET', `/api/admin/catalogue-migrations/${ACCOUNT}`, { as: staffCaller('admin') })).status,
      404,
    );
    t.equal(
      (await call('POST', `${nothing}/publish`, { as: staffCaller('admin'), body: { migration: 'soon' } }))
        .status,
      400,
    );
    t.equal((await call('POST', `${nothing}/publish`, { as: staffCaller('admin'), body: {} })).status, 400);
    t.equal((await call('GET', `${CATALOGUES}/1`, { as: staffCaller('admin') })).status, 400);
  });
});

t.test('given an account that has used four of its five images', async (t) => {
  const service = await createTestService(t);
  const { call, ledger, pool, runtime } = service;
  const { importVersion, publish, preview, rollOut, current, hold } = toolsOf(t, service);
  for (const account of [ACCOUNT, OTHER_ACCOUNT]) await call('GET', CURRENT, { as: accountCaller(account) });
  const { id } = await hold({ images: 4n });
  await ledger.settle(testSettle(ACCOUNT, id, { images: 4n }));
  const fewer = await importVersion(FEWER_IMAGES);
  const versionOf = async (account: string) => (await current(account)).catalogue.version;

  await t.test(
    'when staff preview a publication, then they see losses and exceeded limits, and nothing changes',
    async (t) => {
      const ahead = await preview(fewer, 'now');
      const losses = ['limit images per period lowered: 5 → 3'];
      t.match(ahead.summary, { accounts: 2, unchanged: 0, gaining: 0, losing: 2, over_limit: 1 });
      t.match(ahead.summary?.plans, [
        {
          from: { catalogue_id: 'default', version: 1, plan: 'free' },
          to: { plan: 'free' },
          mapped_by: 'key',
          accounts: 2,
          changes: losses,
        },
      ]);
      t.match(ahead.data, [
        {
          account_id: ACCOUNT,
          losses,
          over_limits: [
            {
              meter: 'images',
              window: 'period',
              used: '4',
              amount: { kind: 'limited', value: '3' },
              unit: 'count',
            },
          ],
        },
        { account_id: OTHER_ACCOUNT, losses, over_limits: [] },
      ]);
      t.equal(await versionOf(ACCOUNT), 1);
      const later = await preview(fewer, 'period_end');
      t.match(later.summary, { losing: 2, over_limit: 0 }, 'by then the period is over');
      t.match(await preview(fewer, 'grandfather'), { summary: { accounts: 0 }, data: [] });
    },
  );

  await t.test('then the accounts are listed page by page', async (t) => {
    const first = await preview(fewer, 'now', '?limit=1');
    t.strictSame(
      first.data.map(({ account_id }) => account_id),
      [ACCOUNT],
    );
    t.equal(first.next_cursor, ACCOUNT);
    const second = await preview(fewer, 'now', `?limit=1&cursor=${first.next_cursor}`);
    t.match(second, { summary: null, data: [{ account_id: OTHER_ACCOUNT }], next_cursor: null });
  });

  await t.test(
    'when it is published for new accounts only, then existing ones keep their version',
    async (t) => {
      const heard = await notificationsDuring(pool, async () => {
        const { status, body } = await call<Published>('POST', `${CATALOGUES}/${fewer}/publish`, {
          as: staffCaller('admin'),
          body: {
            migration: 'grandfather',
            reason: 'prices of 2027',
          },
        });
        t.equal(status, 200);
        t.match(body, { state: 'done', accounts_total: 0, migration: 'grandfather' });
      });
      t.strictSame(heard, [{ kind: 'catalogue', id: fewer }]);
      await rollOut();
      t.equal(await versionOf(ACCOUNT), 1);
      const late = runtime.newId();
      await pool.query(`INSERT INTO accounts (id, name, created_at) VALUES ($1, 'Late', now())`, [late]);
      t.equal(await versionOf(late), 2);
    },
  );

  await t.test(
    'when all accounts are moved, then usage is kept, and exceeded limits refuse with a reason',
    async (t) => {
      const open = await hold({ images: 1n });
      t.equal(open.verdict, 'ok');
      const started = await publish(fewer, 'now');
      t.match(started, { state: 'running', accounts_total: 2, version_id: fewer, migration: 'now' });
      await rollOut();
      const url = `/api/admin/catalogue-migrations/${started.id}`;
      const migration = (await call<Published>('GET', url, { as: staffCaller('support') })).body;
      t.match(migration, { state: 'done', accounts_done: 2, accounts_failed: 0, author: STAFF });
      t.equal(await versionOf(ACCOUNT), 2);
      t.match(await hold({ images: 1n }), {
        verdict: 'limit_exceeded',
        limit: { amount: 3n, used: 4n, held: 1n, source: 'plan:free' },
      });
      t.match(await ledger.settle(testSettle(ACCOUNT, open.id, { images: 1n })), { outcome: 'settled' });
      t.equal((await hold({ images: 3n }, OTHER_ACCOUNT)).verdict, 'ok');
    },
  );

  await t.test(
    'when a change waits for the period end, then each account shows it and keeps its terms',
    async (t) => {
      const more = await importVersion(MORE_MONEY);
      t.match((await preview(more, 'now')).summary, { accounts: 3, gaining: 3, losing: 0, over_limit: 0 });
      await publish(more, 'period_end');
      await rollOut();
      t.equal(await versionOf(ACCOUNT), 2);
      const { rows } = await pool.query('SELECT DISTINCT scheduled_change FROM subscriptions');
      t.strictSame(rows, [
        {
          scheduled_change: {
            cycle: 'month',
            plan_key: 'free',
            catalogue_version_id: more,
            moves_to: more,
          },
        },
      ]);
    },
  );

  await t.test(
    'when a publication supersedes another, then every account ends on the last one',
    async (t) => {
      const first = await publish(fewer, 'now');
      const newest = await importVersion(replaceIn(MORE_MONEY, '3.00 USD', '4.00 USD'));
      const second = await publish(newest, 'now');
      await rollOut();
      const migration = (
        await call<Published>('GET', `/api/admin/catalogue-migrations/${first.id}`, {
          as: staffCaller('admin'),
        })
      ).body;
      t.equal(migration.state, 'superseded');
      t.match(second, { accounts_total: 3 });
      const { rows } = await pool.query(
        'SELECT DISTINCT catalogue_version_id AS id, scheduled_change AS next FROM subscriptions',
      );
      t.strictSame(rows, [{ id: newest, next: null }], 'and nothing older waits for the end of the period');
    },
  );

  await t.test('then every change is audited', async (t) => {
    const url = `/api/admin/audit?action=catalogue.&actor=${STAFF}&limit=100`;
    const { data: entries } = (
      await call<{ data: AuditEntryWire[] }>('GET', url, { as: staffCaller('admin') })
    ).body;
    t.strictSame(entries.map(({ action }) => action).toReversed(), [
      'catalogue.imported',
      'catalogue.published',
      'catalogue.published',
      'catalogue.imported',
      'catalogue.published',
      'catalogue.published',
      'catalogue.imported',
      'catalogue.published',
    ]);
    t.match(entries.at(-2), {
      reason: 'prices of 2027',
      after: { version_id: fewer, migration: 'grandfather' },
    });
  });
});

t.test('given accounts on every plan of one preset', async (t) => {
  const service = await createTestService(t);
  const { pool, runtime } = service;
  const { importVersion, publish, preview, rollOut, current } = toolsOf(t, service);
  const plans = ['free', 'basic', 'pro', 'enterprise'];
  const accounts = plans.map(() => runtime.newId());
  await pool.query(
    `INSERT INTO accounts (id, name, created_at) SELECT i, 'Test', now() FROM unnest($1::uuid[]) i`,
    [accounts],
  );
  for (const account of accounts) await current(account);
  await pool.query(
    'UPDATE subscriptions s SET plan_key = p FROM unnest($1::uuid[], $2::text[]) x(a, p) WHERE account_id = x.a',
    [accounts, plans],
  );
  const lily = await importVersion(LILY);

  await t.test('when another preset is previewed, then each plan is mapped', async (t) => {
    const { summary } = await preview(lily, 'now');
    t.strictSame(summary?.plans.map(({ from, to, mapped_by }) => [from.plan, to.plan, mapped_by]).sort(), [
      ['basic', 'starter', 'alias'],
      ['enterprise', 'enterprise', 'key'],
      ['free', 'free', 'key'],
      ['pro', 'pro', 'key'],
    ]);
  });

  await t.test('when it is published, then all accounts are on it with its limits', async (t) => {
    await publish(lily, 'now');
    await rollOut();
    const seen = [];
    for (const account of accounts) {
      const { plan, catalogue, limits } = await current(account);
      const images = limits.find(({ meter }) => meter === 'images');
      seen.push([catalogue.id, plan, images?.text]);
    }
    t.strictSame(seen, [
      ['lily', 'free', '5 images per billing period'],
      ['lily', 'starter', '10 images per billing period'],
      ['lily', 'pro', '50 images per billing period'],
      ['lily', 'enterprise', '200 images per billing period'],
    ]);
    const { rows } = await pool.query(
      `SELECT amount::integer AS n FROM ledger_limits WHERE meter = 'images' AND account_id = ANY ($1) ORDER BY 1`,
      [accounts],
    );
    t.strictSame(
      rows.map(({ n }) => n),
      [5, 10, 50, 200],
    );
  });
});
