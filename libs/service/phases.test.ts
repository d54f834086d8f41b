import t from 'tap';
import { createLogger } from './logger.ts';
import { runPhases } from './phases.ts';

t.test('phases run in order, and none stops the next', async (t) => {
  const lines: string[] = [];
  const logger = createLogger({
    name: 'phases',
    level: 'debug',
    destination: { write: (line) => lines.push(line) },
  });
  const ran: string[] = [];
  const phase = (name: string, run: () => unknown = () => {}) => ({
    name,
    deadlineMs: 20,
    run: () => {
      ran.push(name);
      return run();
    },
  });

  t.equal(await runPhases([phase('one'), phase('two', async () => {})], logger), true);
  const clean = await runPhases(
    [
      phase('throws', () => {
        throw new Error('at once');
      }),
      phase('rejects', () => Promise.reject('later')),
      phase('hangs', () => new Promise(() => {})),
      phase('last'),
    ],
    logger,
  );
  t.equal(clean, false);
  t.strictSame(ran, ['one', 'two', 'throws', 'rejects', 'hangs', 'last']);
  const failures = lines.map((line) => JSON.parse(line)).filter(({ level }) => level === 'error');
  t.match(failures, [
    { phase: 'throws', err: { message: 'at once' } },
    { phase: 'rejects', err: { message: 'later' } },
    { phase: 'hangs', err: { message: 'not done after 20 ms' } },
  ]);
});
