import { globSync, readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { createMetrics } from '#libs/service/metrics.ts';
import { createCallMetrics } from '#services/generation/calls/metrics.ts';

const FOLDER = 'deploy/observability';

type Rule = {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: Record<string, string>;
};
const rules = (
  parse(readFileSync(`${FOLDER}/rules.yml`, 'utf8')) as { groups: { rules: Rule[] }[] }
).groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(readFileSync(`${FOLDER}/dashboards/inkmeter.json`, 'utf8')) as {
  panels: { title: string; targets: { expr: string }[] }[];
};

const operations = readFileSync('docs/operations.md', 'utf8');

/** The names of the metrics in an expression, without what a histogram or a counter adds to them. */
const namesIn = (expression: string) =>
  (expression.match(/\b(inkmeter|nodejs|process)_[a-z0-9_]+/g) ?? []).map((name) =>
    name.replace(/(?<=_seconds)_(bucket|count|sum)$/, ''),
  );

t.test('rules and dashboard use metrics that exist', async (t) => {
  const sources = globSync('{libs,services}/**/*.ts', { exclude: ['**/*.test.ts'] });
  const ours = new Set(
    sources.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/name: '(inkmeter_[a-z_]+)'/g)].map(([, name]) => name),
    ),
  );
  const processMetrics = await createMetrics({ service: 'test' }).registry.getMetricsAsJSON();
  const known = new Set([...ours, ...processMetrics.map(({ name }) => name)]);
  const expressions = [
    ...rules.map(({ alert, expr }) => ({ where: alert, expr })),
    ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ where: title, expr }))),
  ];
  t.ok(expressions.length > 20);
  for (const { where, expr } of expressions) {
    const names = namesIn(expr);
    t.ok(names.length > 0, where);
    for (const name of names) t.ok(known.has(name), `${where}: ${name}`);
  }
});

t.test('an alert sees the first occurrence in a process: its series begin at zero', async (t) => {
  const metrics = createMetrics({ service: 'test', processMetrics: false });
  createCallMetrics(metrics);
  const text = await metrics.registry.metrics();
  for (const [name, label] of [
    ['inkmeter_hold_duration_seconds_count', 'outcome="unavailable"'],
    ['inkmeter_settle_duration_seconds_count', 'outcome="failed"'],
    ['inkmeter_usage_overruns_total', 'provider="openai"'],
    ['inkmeter_bound_calls_total', 'provider="gemini"'],
  ] as const)
    t.match(text, new RegExp(`^${name}\\{.*${label}.* 0$`, 'm'), name);
});

t.test('every alert says what happened and what to do', async (t) => {
  for (const { alert, labels, annotations } of rules) {
    t.match(labels.severity, /^(page|ticket)$/, alert);
    t.ok(annotations.summary && annotations.action, alert);
    t.ok(operations.includes(`| \`${alert}\` `), `${alert} in docs/operations.md`);
  }
  t.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length);
});
