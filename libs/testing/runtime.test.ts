import t from 'tap';
import { z } from 'zod';
import { createFakeRuntime } from './runtime.ts';

t.test('time stands still until the test moves it', async (t) => {
  const { clock } = createFakeRuntime({ start: '2026-01-31T23:59:59Z' });
  t.strictSame(clock.now(), clock.now());
  clock.advance(1_000);
  t.equal(clock.now().toISOString(), '2026-02-01T00:00:00.000Z');
  clock.set('2027-01-01T00:00:00Z');
  t.equal(clock.now().toISOString(), '2027-01-01T00:00:00.000Z');
});

t.test('ids are sequential, valid and separated by group', async (t) => {
  const one = createFakeRuntime();
  const other = createFakeRuntime({ idGroup: 2 });
  const ids = [one.newId(), one.newId(), other.newId()];
  t.strictSame(ids, [
    '00000000-0000-7000-8000-000000000001',
    '00000000-0000-7000-8000-000000000002',
    '00000002-0000-7000-8000-000000000001',
  ]);
  t.ok(ids.every((id) => z.uuid().safeParse(id).success));
});

t.test('randomness is repeatable and stays in its interval', async (t) => {
  const draws = Array.from({ length: 1_000 }, createFakeRuntime().random);
  const again = Array.from({ length: 1_000 }, createFakeRuntime().random);
  t.strictSame(draws, again);
  t.ok(draws.every((draw) => draw >= 0 && draw < 1));
  t.ok(new Set(draws).size > 990);
});
