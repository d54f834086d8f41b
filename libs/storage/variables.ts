/** The bucket that services store files in. */
import { z } from 'zod';
import { httpUrl } from '#libs/config/variables.ts';
import { createLocalStorage } from './local-storage.ts';
import { createS3Storage, type S3Options } from './s3-storage.ts';
import type { StreamStorage } from './storage.ts';

export function bucketVariables() {
  return {
    S3_BUCKET: z.string().min(3).optional().describe('Bucket for stored files, of any S3-compatible service'),
    S3_ENDPOINT: httpUrl().prefault('https://s3.amazonaws.com').describe('URL of the service of the bucket'),
    S3_REGION: z.string().min(1).prefault('us-east-1').describe('Region of the bucket'),
    S3_ACCESS_KEY_ID: z.string().min(1).optional().describe('Required with S3_BUCKET'),
    S3_SECRET_ACCESS_KEY: z
      .string()
      .min(1)
      .optional()
      .meta({ secret: true })
      .describe('Required with S3_BUCKET'),
  };
}

type BucketVariables = z.output<z.ZodObject<ReturnType<typeof bucketVariables>>>;

/** @returns null without a bucket. @throws Error for a bucket without credentials. */
export function bucketOf(variables: BucketVariables): S3Options | null {
  const { S3_BUCKET: bucket, S3_ENDPOINT: endpoint, S3_REGION: region } = variables;
  const { S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey } = variables;
  if (bucket === undefined) return null;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new Error('S3_BUCKET requires S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY.');
  }
  return { bucket, endpoint, region, accessKeyId, secretAccessKey };
}

/** @param s3 null for the local folder. */
export function createStorage({ folder, s3 }: { folder: string; s3: S3Options | null }): StreamStorage {
  return s3 === null ? createLocalStorage(folder) : createS3Storage(s3);
}
