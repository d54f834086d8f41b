// A service in one file: the tests of run-service.ts start it as a process and send it signals.
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { loadConfig } from '#libs/config/config.ts';
import { processEnv } from '#libs/config/env.ts';
import { createService } from './create-service.ts';
import { createLogger } from './logger.ts';
import { createMetrics } from './metrics.ts';
import { runService } from './run-service.ts';
import { systemRuntime } from './runtime.ts';
import { serviceVariables, toServiceConfig } from './variables.ts';

const variables = loadConfig(
  z.object({
    ...serviceVariables(0),
    MODE: z.string().prefault('plain').describe('The failure to simulate'),
  }),
  processEnv(),
);
const config = toServiceConfig(variables);
const logger = createLogger({ name: 'fixture', level: config.logLevel });
const metrics = createMetrics({ service: 'fixture' });
const app = createService({ config, runtime: systemRuntime, logger, metrics });
app.get('/slow', async () => {
  logger.info('slow request arrived');
  await sleep(300);
  return { slow: true };
});
app.get('/throw', async () => {
  setImmediate(() => {
    throw new Error('a bug');
  });
  return {};
});

const say = (what: string) => () => logger.info(what);
await runService({
  name: 'fixture',
  config,
  logger,
  metrics,
  app,
  readiness: { database: async () => {} },
  lifecycle: {
    startJobs: () => {
      if (variables.MODE === 'start fails') throw new Error('no database');
      say('jobs started')();
    },
    stopJobs: say('jobs stopped'),
    flush: () => {
      say('flushed')();
      if (variables.MODE === 'flush fails') throw new Error('flush failed');
    },
    closePools: say('pools closed'),
  },
});
