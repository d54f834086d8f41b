import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { testSettle } from '#libs/ledger/fixtures.ts';
import { createLogger } from '#libs/service/logger.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import type { TestScope } from '#libs/testing/database.ts';
import type { SpoolEntry } from './domain.ts';
import { openSpoolFile } from './spool-file.ts';

const ACCOUNT = '0190a1b2-0000-7000-8000-00000000a001';
const { newId, clock } = systemRuntime;

function createFixture(t: TestScope, maxBytes = 1_000_000) {
  const directory = path.join(mkdtempSync(path.join(tmpdir(), 'inkmeter-spool-')), 'new');
  t.teardown(() => rmSync(path.dirname(directory), { recursive: true, force: true }));
  const lines: object[] = [];
  const logger = createLogger({
    name: 'test',
    level: 'info',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  const files = () => readdirSync(directory).sort();
  return {
    directory,
    lines,
    files,
    /** The only file, as one of a process that has ended. */
    orphan() {
      const [name = ''] = files();
      const orphan = name.replace(/^settlements-\d+-\w+/, 'settlements-999999999-1');
      const text = readFileSync(path.join(directory, name), 'utf8');
      rmSync(path.join(directory, name));
      writeFileSync(path.join(directory, orphan), text);
      return path.join(directory, orphan);
    },
    open: () => openSpoolFile({ directory, maxBytes, now: clock.now, logger }),
  };
}

const settlement = (cost: bigint): SpoolEntry => ({
  kind: 'settle',
  request: testSettle(
    ACCOUNT,
    newId(),
    { cost, 'tokens.total': 5n },
    { facts: { otherUnits: { image: 2 } } },
  ),
});
const closing = (): SpoolEntry => ({ kind: 'close', request: { holdId: newId(), accountId: ACCOUNT } });

t.test('entries survive their process, exactly and in order', async (t) => {
  const { open, orphan, files } = createFixture(t);
  const spool = await open();
  t.strictSame(files(), [], 'without entries there is no file');
  const entries = [
    settlement(2n ** 60n),
    closing(),
    ...Array.from({ length: 50 }, (_, n) => settlement(BigInt(n))),
  ];
  await Promise.all(entries.map(spool.append));
  t.strictSame(
    spool.waiting().map(({ entry }) => entry),
    entries,
  );
  orphan();
  const next = await open();
  t.strictSame(
    next.waiting().map(({ entry }) => entry),
    // JSON has no undefined
    entries.map((entry) => withoutUndefined(entry)),
  );
  t.equal(files().length, 1, 'in the file of the new process');

  await t.test('and leave the spool when they are replayed', async (t) => {
    const [first, second] = next.waiting();
    await Promise.all([next.remove(new Set(first && [first])), next.append(closing())]);
    t.equal(next.waiting().length, entries.length);
    t.equal(next.waiting()[0], second);
    await next.remove(new Set(next.waiting()));
    t.strictSame([next.waiting(), files()], [[], []]);
    await next.append(closing());
    t.equal(files().length, 1);
  });
});

function withoutUndefined(entry: SpoolEntry): unknown {
  if (entry.kind === 'close') return entry;
  const facts = Object.entries(entry.request.facts).filter(([, value]) => value !== undefined);
  return { ...entry, request: { ...entry.request, facts: Object.fromEntries(facts) } };
}

t.test('a line that was being written is dropped, a damaged one is kept aside and reported', async (t) => {
  const { open, orphan, lines, files } = createFixture(t);
  const spool = await open();
  for (const cost of [1n, 2n, 3n]) await spool.append(settlement(cost));
  const file = orphan();
  const [first = '', second = '', third = ''] = readFileSync(file, 'utf8').split('\n');
  writeFileSync(file, `${first}\n${second.replace('"2"', '"9"')}\n${third}\n${first.slice(0, 40)}`);
  const next = await open();
  t.match(next.waiting(), [
    { entry: { request: { meters: { cost: 1n } } } },
    { entry: { request: { meters: { cost: 3n } } } },
  ]);
  t.match(lines, [{ level: 'error', msg: 'spool file damaged', damaged: 1 }]);
  t.equal(files().filter((name) => name.endsWith('.damaged')).length, 1);
});

t.test('a file that another process takes over at the same time is left to it', async (t) => {
  const { open, orphan } = createFixture(t);
  const spool = await open();
  await spool.append(closing());
  const file = orphan();
  rmSync(file);
  // Listed, and gone when it is read.
  symlinkSync(`${file}.gone`, file);
  t.strictSame((await open()).waiting(), []);
});

t.test('a full spool refuses entries and keeps the others', async (t) => {
  const { open } = createFixture(t, 1_500);
  const spool = await open();
  const outcomes = await Promise.allSettled([1n, 2n, 3n, 4n].map((cost) => spool.append(settlement(cost))));
  t.strictSame(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'rejected'],
  );
  t.equal(spool.waiting().length, 2);
  await spool.remove(new Set(spool.waiting()));
  await spool.append(settlement(5n));
});

t.test('a disk that fails rejects the entry', async (t) => {
  const { open, directory } = createFixture(t);
  const spool = await open();
  rmSync(directory, { recursive: true });
  await t.rejects(spool.append(closing()), { code: 'ENOENT' });
  t.strictSame(spool.waiting(), []);
  mkdirSync(directory);
  await spool.append(closing());
  t.equal(spool.waiting().length, 1);
});

t.test('files of running processes and other files are not touched', async (t) => {
  const { open, directory, files } = createFixture(t);
  const spool = await open();
  await spool.append(closing());
  appendFileSync(path.join(directory, 'notes.txt'), 'x');
  const before = files();
  const other = await open();
  t.strictSame(other.waiting(), []);
  t.strictSame(files(), before);
});

t.test('a directory that cannot be used stops the start', async (t) => {
  const { directory } = createFixture(t);
  writeFileSync(directory, '');
  const logger = createLogger({ name: 'test', level: 'silent' });
  await t.rejects(openSpoolFile({ directory, maxBytes: 1, now: clock.now, logger }), { code: 'EEXIST' });
});
