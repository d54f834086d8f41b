import t from 'tap';
import {
  findBreaches,
  findCycles,
  findFaults,
  findUnplaced,
  importsOf,
  placeOf,
  rules,
} from './import-rules.ts';

/** [importing file, specifier, whether it is allowed] */
const cases: [string, string, boolean][] = [
  ['libs/pricing/price.ts', './units.ts', true],
  ['libs/pricing/price.ts', '#libs/money/money.ts', true],
  ['libs/pricing/price.ts', '../money/money.ts', false],
  ['libs/pricing/price.ts', '#libs/pricing/units.ts', false],
  ['libs/pricing/price.ts', './units', false],
  ['libs/pricing/price.ts', 'zod', true],
  ['libs/pricing/price.ts', 'node:fs', false],
  ['libs/pricing/price.ts', '#libs/db/pool.ts', false],
  ['libs/pricing/price.test.ts', 'node:fs', true],
  ['libs/pricing/price.test.ts', 'tap', true],
  ['libs/db/pool.ts', 'pg', true],
  ['libs/db/pool.ts', 'tap', false],
  ['libs/db/pool.ts', 'left-pad', false],
  ['libs/db/pool.ts', '#libs/testing/database.ts', false],
  ['libs/db/pool.ts', '#services/gateway/app.ts', false],
  ['libs/db/pool.ts', '#libs/db/schema/index.ts', false],
  ['libs/db/drizzle.ts', './schema/index.ts', true],
  ['libs/ledger/ledger.ts', '#libs/money/index.ts', false],
  ['libs/ledger/ledger.ts', './fixtures.ts', false],
  ['libs/ledger/ledger.test.ts', './fixtures.ts', true],
  ['libs/auth/tokens.ts', '#deploy/local/start.ts', false],
  ['libs/testing/server.ts', '#libs/embedded/lock-file.ts', true],
  ['libs/testing/server.ts', '#deploy/local/start.ts', false],
  ['services/gateway/main.ts', './app.ts', true],
  ['services/gateway/main.ts', './docs/plugin.ts', false],
  ['services/gateway/app.ts', './docs/plugin.ts', true],
  ['services/gateway/app.ts', './docs/routes.ts', false],
  ['services/gateway/app.ts', './accounts/store.ts', false],
  ['services/gateway/app.ts', '#libs/auth/tokens.ts', true],
  ['services/gateway/app.ts', '#services/billing/plans/domain.ts', false],
  ['services/gateway/app.ts', '#deploy/local/start.ts', false],
  ['services/gateway/app.ts', '#libs/simulators/openai.ts', false],
  ['services/gateway/app.test.ts', '#libs/simulators/openai.ts', true],
  ['services/gateway/app.test.ts', './main.ts', false],
  ['services/gateway/app.test.ts', '#services/billing/app.ts', false],
  ['services/gateway/members/domain.ts', './store.ts', false],
  ['services/gateway/members/domain.ts', 'pg', false],
  ['services/gateway/members/domain.ts', '#libs/db/database.ts', false],
  ['services/gateway/members/domain.ts', '#libs/db/schema/gateway.ts', true],
  ['services/gateway/members/domain.ts', '../accounts/domain.ts', true],
  ['services/gateway/members/domain.test.ts', './store.ts', true],
  ['services/gateway/members/routes.ts', './store.ts', true],
  ['services/gateway/members/routes.ts', './plugin.ts', false],
  ['services/gateway/members/routes.ts', '../accounts/store.ts', false],
  ['services/gateway/members/routes.ts', '../accounts/domain.ts', true],
  ['services/gateway/members/store.ts', '../accounts/store.ts', true],
  ['services/gateway/members/store.ts', './domain.ts', true],
  ['services/gateway/members/seat-store.ts', './routes.ts', false],
  ['services/gateway/members/plugin.ts', './routes.ts', true],
  ['services/gateway/members/plugin.ts', '../accounts/plugin.ts', true],
  ['services/gateway/members/plugin.ts', '../accounts/store.ts', false],
  ['services/gateway/metering/pipeline.ts', './routes.ts', false],
  ['services/gateway/metering/pipeline.ts', '../entitlements/domain/evaluate.ts', true],
  ['services/gateway/chat/routes.ts', 'openai', false],
  ['services/gateway/chat/routes.test.ts', 'openai', true],
  ['services/generation/providers/openai/adapter.ts', 'openai/streaming', true],
  ['services/generation/providers/gemini/adapter.ts', 'openai', false],
  ['services/billing/payments/stripe/client.ts', 'stripe', true],
  ['services/billing/payments/store.ts', 'stripe', false],
];

t.test('each rule forbids what it names and nothing else', async (t) => {
  for (const [file, specifier, allowed] of cases) {
    const [breach] = findBreaches(importsOf(file, `import '${specifier}';`));
    t.equal(breach === undefined, allowed, `${file} imports ${specifier}${breach ? ` (${breach})` : ''}`);
  }
  t.equal(
    findBreaches(importsOf('libs/money/a.ts', `export * from 'pg'; const x = await import('node:fs');`))
      .length,
    2,
    're-exports and dynamic imports count',
  );
});

t.test('a file without a place is a fault', async (t) => {
  for (const file of ['libs/shiny/b.ts', 'services/gateway/helpers.ts', 'services/new/app.ts', 'extra.ts'])
    t.equal(placeOf(file), undefined, file);
  t.match(findUnplaced(['libs/money/a.ts', 'libs/shiny/b.ts']), [/^libs\/shiny\/b\.ts is not covered/]);
});

t.test('cycles of values and of types are found', async (t) => {
  const cyclesOf = (sources: Record<string, string>) =>
    findCycles(Object.entries(sources).flatMap(([file, text]) => importsOf(file, text)));
  t.strictSame(
    cyclesOf({
      'libs/a/one.ts': `import type { Two } from './two.ts'; import './leaf.ts';`,
      'libs/a/two.ts': `export * from './three.ts';`,
      'libs/a/three.ts': `import { type One } from './one.ts';`,
      'libs/a/self.ts': `import './self.ts';`,
      'libs/a/user.ts': `import './one.ts'; import './self.ts';`,
    }),
    [['libs/a/one.ts', 'libs/a/three.ts', 'libs/a/two.ts'], ['libs/a/self.ts']],
  );
});

t.test('the repository keeps the rules', async (t) => {
  const { faults, files, imports } = findFaults();
  t.strictSame(faults, []);
  // A table that matches no file would report no fault.
  t.ok(files.length > 100, `${files.length} files seen`);
  t.ok(imports.length > 2 * files.length, `${imports.length} imports seen`);
  for (const rule of rules)
    t.ok(
      imports.some(({ file }) => rule.applies(file)),
      `some file falls under "${rule.name}"`,
    );
});
