import t from 'tap';
import { findBreaches, findMissing, findUnknownLibs, importsOf, readImports, rules } from './import-rules.ts';

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
  ['libs/db/pool.ts', '#libs/db/schema/index.ts', false],
  ['libs/db/drizzle.ts', './schema/index.ts', true],
  ['libs/ledger/ledger.ts', '#libs/money/index.ts', false],
  ['libs/auth/tokens.ts', '#deploy/local/lock-file.ts', false],
  ['libs/testing/server.ts', '#deploy/local/lock-file.ts', true],
  ['services/gateway/app.ts', './routes/health.ts', true],
  ['services/gateway/app.ts', './store/keys.ts', true],
  ['services/gateway/app.ts', '#libs/auth/tokens.ts', true],
  ['services/gateway/app.ts', '../billing/domain/plan.ts', false],
  ['services/gateway/app.ts', '#deploy/local/lock-file.ts', false],
  ['services/gateway/app.ts', '#libs/simulators/openai.ts', false],
  ['services/gateway/app.test.ts', '#libs/simulators/openai.ts', true],
  ['services/gateway/app.test.ts', './main.ts', false],
  ['services/gateway/domain/plan.ts', '../store/keys.ts', false],
  ['services/gateway/domain/plan.ts', 'pg', false],
  ['services/gateway/domain/plan.test.ts', '../store/keys.ts', true],
  ['services/gateway/routes/keys.ts', '../store/keys.ts', false],
  ['services/gateway/routes/keys.ts', '../domain/plan.ts', true],
  ['services/gateway/store/keys.ts', '../domain/plan.ts', true],
  ['services/gateway/store/keys.ts', '../routes/keys.ts', false],
  ['services/gateway/routes/chat.ts', 'openai', false],
  ['services/gateway/routes/chat.test.ts', 'openai', true],
  ['services/generation/providers/openai/adapter.ts', 'openai/streaming', true],
  ['services/generation/providers/gemini/adapter.ts', 'openai', false],
  ['services/billing/stripe/client.ts', 'stripe', true],
];

t.test('each rule catches what it forbids and nothing else', async (t) => {
  for (const [file, specifier, allowed] of cases) {
    const [breach] = findBreaches(importsOf(file, `import '${specifier}';`));
    t.equal(breach === undefined, allowed, `${file} imports ${specifier}${breach ? ` (${breach})` : ''}`);
  }
  t.strictSame(
    findBreaches(importsOf('libs/money/a.ts', `export * from 'pg'; const x = await import('node:fs');`))
      .length,
    2,
    're-exports and dynamic imports count',
  );
  t.strictSame(findUnknownLibs(['libs/money/a.ts', 'libs/shiny/b.ts']), ['libs/shiny']);
});

t.test('the repository keeps the rules', async (t) => {
  const { files, imports } = readImports();
  t.strictSame(findBreaches(imports), []);
  t.strictSame(findMissing(imports), []);
  t.strictSame(findUnknownLibs(files), []);
  // A table that saw nothing would keep every rule.
  t.ok(files.length > 100, `${files.length} files seen`);
  t.ok(imports.length > 2 * files.length, `${imports.length} imports seen`);
  for (const rule of rules) {
    t.ok(
      imports.some(({ file }) => rule.applies(file)),
      `some file falls under "${rule.name}"`,
    );
  }
});
