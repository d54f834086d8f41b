import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { getOpenApiJson, getOpenApiYaml } from '#libs/contracts/service-operations.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { type EncodedText, encodeText, negotiate } from './encoded-text.ts';

/** The document in the repository, so that the reviewed text is what is served. */
const DOCUMENT_FILE = path.resolve(import.meta.dirname, '../../../openapi.yaml');
const WORKER = new URL('./document-worker.ts', import.meta.url);
const CACHE_CONTROL = 'public, max-age=300';

/** `GET /openapi.yaml` and `GET /openapi.json`. The file is read and compressed at the first request. */
export function openApiRoutes(app: FastifyInstance): void {
  const send =
    (contentType: string, read: () => Promise<EncodedText>) =>
    async (request: FastifyRequest, reply: FastifyReply) => {
      const body = negotiate(request, reply, await read());
      return reply
        .header('cache-control', CACHE_CONTROL)
        .type(contentType)
        .send(body ?? undefined);
    };
  serveOperation(app, getOpenApiYaml, send('application/yaml; charset=utf-8', onceOnly(readYaml)));
  serveOperation(app, getOpenApiJson, send('application/json; charset=utf-8', onceOnly(readJson)));
}

/** Reads once; a failure is not remembered. */
function onceOnly(read: () => Promise<EncodedText>): () => Promise<EncodedText> {
  let text: Promise<EncodedText> | undefined;
  return () => {
    text ??= read().catch((error: unknown) => {
      text = undefined;
      throw error;
    });
    return text;
  };
}

const readYaml = async () => encodeText(await readFile(DOCUMENT_FILE, 'utf8'));

async function readJson(): Promise<EncodedText> {
  const worker = new Worker(WORKER, { workerData: DOCUMENT_FILE, env: {} });
  try {
    const [json] = await once(worker, 'message');
    return await encodeText(String(json));
  } finally {
    await worker.terminate();
  }
}
