import { stdout } from 'node:process';
import { z } from 'zod';
import { loadConfig } from '#libs/config/config.ts';
import { processEnv } from '#libs/config/env.ts';
import { durationMs, flag, port } from '#libs/config/variables.ts';
import { startProviderSimulator } from './provider-simulator.ts';

const config = loadConfig(
  z.object({
    HOST: z.string().prefault('127.0.0.1').describe('Address to listen on; 0.0.0.0 inside a container'),
    PORT: port().prefault('8090').describe('Port to listen on'),
    FAST: flag().prefault('false').describe('Answer with a fixed short text, for load tests'),
    CHUNK_DELAY: durationMs().prefault('0ms').describe('Time between two events of a stream'),
  }),
  processEnv(),
);

const simulator = await startProviderSimulator({
  host: config.HOST,
  port: config.PORT,
  fast: config.FAST,
  chunkDelayMs: config.CHUNK_DELAY,
});

const stop = () => void simulator.close();
process.once('SIGTERM', stop);
process.once('SIGINT', stop);

stdout.write(
  `${JSON.stringify({ ready: true, url: simulator.url, port: simulator.port, pid: process.pid })}\n`,
);
