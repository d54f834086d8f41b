import { AwsClient } from 'aws4fetch';
import { checkKey, type Storage } from './storage.ts';

export type S3Options = {
  /** Such as `https://s3.eu-central-1.amazonaws.com` or `http://minio:9000`; the bucket follows as the first folder. */
  endpoint: string;
  bucket: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
};

const TIMEOUT_MS = 30_000;
/** Failures that S3 asks to repeat. */
const RETRIES = 3;

/** A bucket of any S3-compatible service. */
export function createS3Storage({
  endpoint,
  bucket,
  region,
  accessKeyId,
  secretAccessKey,
}: S3Options): Storage {
  const client = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3', retries: RETRIES });
  const base = `${endpoint.replace(/\/+$/, '')}/${bucket}`;
  const urlOf = (key: string) => {
    checkKey(key);
    return `${base}/${key}`;
  };

  async function send(key: string, init: RequestInit, allowed: readonly number[]): Promise<Response> {
    const response = await client.fetch(urlOf(key), { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (response.ok || allowed.includes(response.status)) return response;
    await response.body?.cancel();
    throw new Error(`The storage answered ${response.status} to ${init.method}.`);
  }

  return {
    async put(key, { bytes, mediaType }) {
      const headers = { 'content-type': mediaType, 'content-length': String(bytes.length) };
      const response = await send(key, { method: 'PUT', headers, body: Uint8Array.from(bytes) }, []);
      await response.body?.cancel();
    },
    async get(key) {
      const response = await send(key, { method: 'GET' }, [404]);
      if (response.ok) return Buffer.from(await response.arrayBuffer());
      await response.body?.cancel();
      return undefined;
    },
    async delete(key) {
      const response = await send(key, { method: 'DELETE' }, [404]);
      await response.body?.cancel();
    },
    async signedUrl(key, seconds) {
      const url = `${urlOf(key)}?X-Amz-Expires=${seconds}`;
      const signed = await client.sign(url, { method: 'GET', aws: { signQuery: true } });
      return signed.url;
    },
  };
}
