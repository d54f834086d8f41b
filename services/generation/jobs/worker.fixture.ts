/** A generation process of its own, for tests with several or that kill one. It prints its URL. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Agent } from 'undici';
import { createListener } from '#libs/db/listen.ts';
import { createPool } from '#libs/db/pool.ts';
import { createTestJobs } from '#libs/jobs/fixtures.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createMetrics } from '#libs/service/metrics.ts';
import { systemRuntime as runtime } from '#libs/service/runtime.ts';
import { testIdentity } from '#libs/testing/service.ts';
import { buildApp } from '../app.ts';
import { testConfig } from '../fixtures.ts';

const [url = '', simulatorUrl = ''] = process.argv.slice(2);

const pool = createPool({
  connectionString: url,
  max: 8,
  applicationName: 'worker',
  statementTimeoutMs: 10_000,
});
const { app, tasks } = buildApp({
  config: testConfig(url, simulatorUrl, mkdtempSync(path.join(tmpdir(), 'inkmeter-spool-'))),
  runtime,
  logger: createLogger({ name: 'worker', level: 'silent' }),
  metrics: createMetrics({ service: 'generation', processMetrics: false }),
  pool,
  ledger: createLedger({ pool }),
  listener: createListener({ connectionString: url, applicationName: 'worker-listen' }),
  identity: testIdentity('generation', runtime.clock),
  dispatcher: new Agent({ headersTimeout: 0, bodyTimeout: 0 }),
});
createTestJobs({ teardown: () => undefined }, url, tasks).jobs.start();
process.stdout.write(`${await app.listen({ port: 0, host: '127.0.0.1' })}\n`);
