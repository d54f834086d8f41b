/** A process that runs the background jobs of the service, for tests that kill it. */
import { createPublicHttp } from '#libs/http/public-http.ts';
import { createTestJobs } from '#libs/jobs/fixtures.ts';
import { createWorkerTasks } from '../fixtures.ts';

const [url = '', concurrency] = process.argv.slice(2);
// The receiver is on this machine.
const http = createPublicHttp({ isAllowed: () => true });
createTestJobs({ teardown: () => undefined }, url, createWorkerTasks(url, http).tasks, {
  concurrency: Number(concurrency),
  claimMs: 3_000,
  // Jobs are notified; a short poll of so many places would take the CPU of the others.
  pollMs: 1_000,
}).jobs.start();
process.send?.('started');
