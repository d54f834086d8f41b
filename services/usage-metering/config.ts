import { z } from 'zod';
import { durationMs, httpUrl, integer } from '#libs/config/variables.ts';
import { backendVariables } from '#libs/service/backend-variables.ts';
import { serviceVariables } from '#libs/service/variables.ts';

export const configSchema = z.object({
  ...serviceVariables(8082),
  ...backendVariables(),
  BILLING_URL: httpUrl().prefault('http://127.0.0.1:8081').describe('URL of the billing service'),
  SWEEP_INTERVAL: durationMs().prefault('5s').describe('Pause between two runs that expire holds'),
  SWEEP_BATCH: integer({ min: 1, max: 10_000 })
    .prefault('500')
    .describe('Holds that one statement expires at most'),
});
