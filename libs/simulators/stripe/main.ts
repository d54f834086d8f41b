/** The simulated Stripe account of `npm start`. */
import { stdout } from 'node:process';
import { z } from 'zod';
import { loadConfig } from '#libs/config/config.ts';
import { processEnv } from '#libs/config/env.ts';
import { httpUrl, list, port } from '#libs/config/variables.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { followClock } from '#libs/service/system-clock.ts';
import { startStripeSimulator } from './server.ts';

const config = loadConfig(
  z.object({
    HOST: z.string().prefault('127.0.0.1').describe('Address to listen on; 0.0.0.0 inside a container'),
    PORT: port().prefault('8091').describe('Port to listen on'),
    FILE: z.string().optional().describe('File that keeps the account between starts'),
    CLOCK_FILE: z.string().optional().describe('Set by `npm start`: the file through which time is moved'),
    WEBHOOK_URL: httpUrl().optional().describe('Where events are delivered'),
    API_URL: httpUrl().optional().describe('The public API, for the application that the pages return to'),
    WEBHOOK_SECRETS: list().prefault('').describe('Secrets that sign the deliveries'),
  }),
  processEnv(),
);

if (config.CLOCK_FILE !== undefined) followClock(config.CLOCK_FILE, config.HOST);

const simulator = await startStripeSimulator({
  host: config.HOST,
  port: config.PORT,
  clock: systemRuntime.clock,
  apiUrl: config.API_URL,
  ...(config.FILE !== undefined && { file: config.FILE }),
  ...(config.WEBHOOK_URL !== undefined && {
    webhooks: [{ url: config.WEBHOOK_URL, secrets: config.WEBHOOK_SECRETS, payload: 'snapshot' }],
  }),
  isLive: true,
});

const stop = () => void simulator.close();
process.once('SIGTERM', stop);
process.once('SIGINT', stop);

stdout.write(
  `${JSON.stringify({ ready: true, url: simulator.url, port: simulator.port, pid: process.pid })}\n`,
);
