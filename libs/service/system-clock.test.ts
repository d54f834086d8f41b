import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { clockAheadMs, followClock, movedNow, systemNow, writeMove } from './system-clock.ts';

const DAY_MS = 86_400_000;

t.test('given the machine’s clock, then the database’s clock decides', async (t) => {
  t.equal(clockAheadMs(), 0);
  t.equal(movedNow(), null);
  t.ok(Math.abs(systemNow().getTime() - Date.now()) < 1_000);
});

t.test('given a host that other machines reach, then the clock cannot be moved', async (t) => {
  const file = path.join(t.testdir(), 'clock.json');
  for (const host of ['0.0.0.0', '::', '10.0.0.5']) {
    t.throws(() => followClock(file, host), { name: 'TypeError', message: `HOST=${host}` });
  }
  writeMove(file, DAY_MS);
  t.equal(movedNow(), null);
});

t.test(
  'given a local installation, then its clock moves at the instant that every process has read',
  async (t) => {
    const file = path.join(t.testdir(), 'clock.json');
    followClock(file, '127.0.0.1');
    t.equal(movedNow(), null, 'not moved yet');
    t.throws(() => writeMove(file, -1), RangeError);
    const { movesAtMs } = writeMove(file, 32 * DAY_MS);
    while (Date.now() < movesAtMs - 1) {
      t.equal(clockAheadMs(), 0);
      await delay(100);
    }
    while (Date.now() < movesAtMs) await delay(1);
    t.equal(clockAheadMs(), 32 * DAY_MS);
    t.ok(Math.abs((movedNow()?.getTime() ?? 0) - Date.now() - 32 * DAY_MS) < 1_000);
    t.match(writeMove(file, DAY_MS), { aheadMs: 33 * DAY_MS, previousAheadMs: 32 * DAY_MS });
  },
);
