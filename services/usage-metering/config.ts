import { z } from 'zod';
import { networks } from '#libs/config/networks.ts';
import { durationMs, encryptionKeys, httpUrl, integer } from '#libs/config/variables.ts';
import { backendVariables } from '#libs/service/backend-variables.ts';
import { serviceVariables } from '#libs/service/variables.ts';
import { bucketVariables } from '#libs/storage/variables.ts';
import { parseSentryDsn, type SentryAddress } from './alerts/domain/messages.ts';

export const configSchema = z.object({
  ...serviceVariables(8082),
  ...backendVariables(),
  BILLING_URL: httpUrl().prefault('http://127.0.0.1:8081').describe('URL of the billing service'),
  SWEEP_INTERVAL: durationMs().prefault('5s').describe('Pause between two runs that expire holds'),
  SWEEP_BATCH: integer({ min: 1, max: 10_000 })
    .prefault('500')
    .describe('Holds that one statement expires at most'),
  USAGE_RETENTION_MONTHS: integer({ min: 4, max: 240 })
    .optional()
    .describe(
      'Months before the current one whose provider calls stay in the database; older ones are moved to files. All stay unless set',
    ),
  ARCHIVE_DIR: z
    .string()
    .min(1)
    .prefault('.inkmeter/archive')
    .describe('Folder for archived usage, shared by all processes; unused with S3_BUCKET'),
  ...bucketVariables(),
  OPERATOR_SLACK_URL: httpUrl()
    .meta({ secret: true })
    .optional()
    .describe('Incoming webhook of Slack, or of a tool with its format, for alerts about the installation'),
  SENTRY_DSN: z
    .string()
    .transform(readSentryDsn)
    .meta({ secret: true })
    .optional()
    .describe('DSN of Sentry, or of a tool that accepts its envelopes, for alerts about the installation'),
  WEBHOOK_NETWORKS: networks()
    .optional()
    .describe(
      'Private networks that webhook endpoints may be in, also without TLS, such as `127.0.0.0/8`: for development and closed networks',
    ),
  DELIVERY_CONCURRENCY: integer({ min: 1, max: 256 })
    .prefault('32')
    .describe(
      'Webhook endpoints and Slack addresses of customers that receive something at the same time, each one request',
    ),
  ENCRYPTION_KEYS: encryptionKeys(),
});

function readSentryDsn(dsn: string, context: z.RefinementCtx): SentryAddress {
  try {
    return parseSentryDsn(dsn);
  } catch (error) {
    context.addIssue((error as Error).message);
    return z.NEVER;
  }
}
