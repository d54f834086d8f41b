import t from 'tap';
import { findStaleMutants, MUTANTS, sampleOf } from './mutants.ts';

t.test('every mutation applies to exactly one place', async (t) => {
  t.strictSame(findStaleMutants('.'), []);
  t.ok(MUTANTS.length >= 40, `${MUTANTS.length} mutations`);
});

t.test('a stale mutation is reported by its id', async (t) => {
  const mutant = {
    id: 'gone',
    file: 'package.json',
    find: 'no such text',
    replace: '',
    tests: ['scripts/mutants.test.ts'],
    why: '',
  };
  t.strictSame(findStaleMutants('.', [mutant]), ['gone: 0 places in package.json match, not one']);
  t.strictSame(findStaleMutants('.', [{ ...mutant, file: 'a.ts', tests: ['b.test.ts'] }]), [
    'gone: there is no a.ts, b.test.ts',
  ]);
});

t.test('a sample depends on the commit only', async (t) => {
  const ids = (seed: string) => sampleOf(MUTANTS, 3, seed).map(({ id }) => id);
  t.strictSame(ids('one'), ids('one'));
  t.equal(new Set(ids('one')).size, 3);
});
