/**
 * 10,000 accounts cross a limit at the same time; each has a webhook endpoint at one slow and failing receiver, while
 * workers are killed. `node bench/alert-burst.ts [accounts]`; needs a PostgreSQL as the tests do.
 */
import { runBurst } from '#services/usage-metering/webhooks/burst.fixture.ts';

const count = Number(process.argv[2] ?? 10_000);
const teardowns: (() => unknown)[] = [];
try {
  const result = await runBurst({ teardown: (run) => void teardowns.push(run) }, count);
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  const isExact = result.alerts === count && result.accounts === count && result.ids === count;
  process.exitCode = isExact ? 0 : 1;
} finally {
  for (const run of teardowns.reverse()) await run();
}
