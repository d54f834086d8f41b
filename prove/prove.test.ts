/** The short form of the proof: every claim, with fewer requests. `npm run prove` is the full form. */
import t from 'tap';
import { CASE_NAMES, prove } from './prove.ts';

/** These have their own tests: `compare`, and the chaos of billing. */
const TESTED_ELSEWHERE = ['random', 'billing'];

t.test('given the real system under load and faults, the ledger agrees with the provider', async (t) => {
  const isRight = await prove({
    isQuick: true,
    cases: CASE_NAMES.filter((name) => !TESTED_ELSEWHERE.includes(name)),
    seed: Date.now() % 1_000_000,
    keep: false,
    log: (line) => t.comment(line),
  });
  t.ok(isRight, 'no difference; the comments above list the results');
});
