import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { runCommand } from './catalogue.ts';

const PRESETS = ['default', 'crew', 'alwrity-alpha', 'alwrity', 'lily', 'whisperforge'];
const DEFAULT = readFileSync('deploy/catalogues/default.yaml', 'utf8');
const lineOf = (text: string, part: string) => text.split('\n').findIndex((line) => line.includes(part)) + 1;

t.test('every preset is valid', async (t) => {
  for (const preset of PRESETS) {
    t.match(await runCommand(['check', preset]), {
      exitCode: 0,
      lines: [/is valid; \d plans$/],
    });
  }
});

t.test('names that are not implemented and not marked are listed', async (t) => {
  const file = path.join(t.testdir(), 'unmarked.yaml');
  writeFileSync(file, DEFAULT.replace('features:\n', 'features:\n  telepathy: Telepathy\n'));
  const { exitCode, lines } = await runCommand(['check', file]);
  t.equal(exitCode, 0);
  t.equal(lines.at(-1), 'Not implemented, and not listed under notYetAvailable: telepathy');
});

t.test('the issues of an invalid file are listed line by line', async (t) => {
  const file = path.join(t.testdir(), 'wrong.yaml');
  const text = `${DEFAULT.replace('rank: 10', 'rank: ten').replace('- gpt-4.1-nano', '- gpt-4.1-nanoo')}`;
  writeFileSync(file, text);
  t.match(await runCommand(['check', file]), {
    exitCode: 1,
    lines: [
      `${file}:${lineOf(text, 'rank: ten')}: plans[1].rank: Invalid input: expected number, received string`,
    ],
  });
  writeFileSync(file, `${DEFAULT}\nsurprise: 1\n`);
  t.match((await runCommand(['check', file])).lines, [/:\d+: surprise: is not a known key here$/]);
});

t.test('a difference is listed with its line', async (t) => {
  const file = path.join(t.testdir(), 'new.yaml');
  const text = DEFAULT.replace('amount: 2.00 USD', 'amount: 1.50 USD')
    .replace('features: [api_access, alt_text]', 'features: [api_access]')
    .replace('monthlyMinor: 2900', 'monthlyMinor: 3100');
  writeFileSync(file, text);
  const { exitCode, lines } = await runCommand(['diff', 'default', file]);
  t.equal(exitCode, 1);
  const at = (part: string) => `${file}:${lineOf(text, part)}`;
  t.strictSame(lines, [
    `${at('amount: 1.50 USD')}: plan free: limit cost per period lowered: 2.000000000 USD → 1.500000000 USD`,
    `${at('features: [api_access]')}: plan free: feature alt_text lost`,
    `${at('monthlyMinor: 3100')}: plan basic: price.monthlyMinor 2900 → 3100`,
  ]);
  t.strictSame(await runCommand(['diff', 'default', 'default']), { exitCode: 0, lines: ['no difference'] });
  t.ok((await runCommand(['diff', 'default', 'lily'])).lines.length > 50);
});

t.test('a failed command prints the reason', async (t) => {
  const file = path.join(t.testdir(), 'wrong.yaml');
  writeFileSync(file, 'id: [');
  t.match(await runCommand(['diff', 'default', file]), { exitCode: 2, lines: [/wrong.yaml:1: /] });
  t.match(await runCommand(['check', 'nowhere.yaml']), { exitCode: 2, lines: [/ENOENT/] });
  for (const args of [[], ['check'], ['diff', 'default'], ['publish', 'default']]) {
    t.match(await runCommand(args), { exitCode: 2, lines: [/^Usage/] });
  }
});
