import t from 'tap';
import { createLogger } from './logger.ts';
import { createPeriodicJob } from './periodic-job.ts';

function create(run: (signal: AbortSignal) => Promise<void>) {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({
    name: 'test',
    level: 'info',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  return { job: createPeriodicJob({ name: 'test-job', intervalMs: 1, logger, run }), lines };
}

t.test('given a job, it repeats without overlapping, even if a run fails', async (t) => {
  const third = Promise.withResolvers<void>();
  let running = 0;
  let runs = 0;
  const { job, lines } = create(async () => {
    running += 1;
    t.equal(running, 1);
    await new Promise(setImmediate);
    running -= 1;
    runs += 1;
    if (runs === 1) throw new Error('a bad day');
    if (runs === 3) third.resolve();
  });
  job.start();
  await third.promise;
  await job.stop();
  t.match(lines, [{ level: 'error', job: 'test-job', err: { message: 'a bad day' } }]);
});

t.test('given a long run, stop aborts its signal and waits for it', async (t) => {
  let ended = false;
  const { job } = create(async (signal) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    ended = true;
  });
  job.start();
  await job.stop();
  t.ok(ended);
});

t.test('given one run by hand, it rejects when the run fails', async (t) => {
  const { job } = create(async () => {
    throw new Error('no');
  });
  await t.rejects(job.runOnce(), { message: 'no' });
  await job.stop();
});
