import { setTimeout as delay } from 'node:timers/promises';
import { AwsClient } from 'aws4fetch';
import { checkKey, type StreamStorage } from './storage.ts';

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
const FIRST_DELAY_MS = 50;

/** A bucket of any S3-compatible service. */
export function createS3Storage({
  endpoint,
  bucket,
  region,
  accessKeyId,
  secretAccessKey,
}: S3Options): StreamStorage {
  // It would repeat a stream that has been sent.
  const client = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3', retries: 0 });
  const base = `${endpoint.replace(/\/+$/, '')}/${bucket}`;
  const urlOf = (key: string) => {
    checkKey(key);
    return `${base}/${key}`;
  };

  async function send(
    key: string,
    { bodyOf, ...init }: RequestInit & { bodyOf?: () => Uint8Array<ArrayBuffer> | ReadableStream },
    allowed: readonly number[],
  ): Promise<Response> {
    for (let attempt = 0; ; attempt += 1) {
      const body = bodyOf && { body: bodyOf() };
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const response = await client.fetch(urlOf(key), { ...init, ...body, signal });
      if (response.ok || allowed.includes(response.status)) return response;
      await response.body?.cancel();
      const isFinal = attempt === RETRIES || (response.status < 500 && response.status !== 429);
      if (isFinal) throw new Error(`The storage answered ${response.status} to ${init.method}.`);
      await delay(Math.random() * FIRST_DELAY_MS * 2 ** attempt);
    }
  }

  async function* readFrom(key: string): AsyncGenerator<Uint8Array> {
    const { body } = await send(key, { method: 'GET' }, []);
    if (body !== null) yield* body;
  }

  return {
    async put(key, { bytes, mediaType }) {
      const size = Buffer.isBuffer(bytes) ? bytes.length : bytes.size;
      const headers = { 'content-type': mediaType, 'content-length': String(size) };
      const bodyOf = () =>
        Buffer.isBuffer(bytes) ? Uint8Array.from(bytes) : ReadableStream.from(bytes.read());
      const response = await send(key, { method: 'PUT', headers, bodyOf }, []);
      await response.body?.cancel();
    },
    async get(key) {
      const response = await send(key, { method: 'GET' }, [404]);
      if (response.ok) return Buffer.from(await response.arrayBuffer());
      await response.body?.cancel();
      return undefined;
    },
    async open(key) {
      const head = await send(key, { method: 'HEAD' }, [404]);
      if (!head.ok) return undefined;
      return { size: Number(head.headers.get('content-length')), read: () => readFrom(key) };
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
