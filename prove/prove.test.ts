/** The proof in its short form: every claim, with fewer requests. The whole of it is `npm run prove`. */
import t from 'tap';
import { CASE_NAMES, prove } from './prove.ts';

/** These properties have tests of their own, which run beside this one. */
const TESTED_ELSEWHERE = ['random'];

t.test('given the real system under load and faults, the books agree with the provider', async (t) => {
  const isRight = await prove({
    isQuick: true,
    cases: CASE_NAMES.filter((name) => !TESTED_ELSEWHERE.includes(name)),
    seed: Date.now() % 1_000_000,
    keep: false,
    log: (line) => t.comment(line),
  });
  t.ok(isRight, 'no difference; the comments above say what was seen');
});
