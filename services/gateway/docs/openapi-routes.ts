import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import { parse } from 'yaml';
import { getOpenApiJson, getOpenApiYaml } from '#libs/contracts/service-operations.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';

/** The document in the repository, so that the reviewed text is what is served. */
const DOCUMENT_FILE = path.resolve(import.meta.dirname, '../../../openapi.yaml');
const CACHE_CONTROL = 'public, max-age=300';

/** `GET /openapi.yaml` and `GET /openapi.json`. The file is read at the first request. */
export function openApiRoutes(app: FastifyInstance): void {
  let texts: Promise<{ yaml: string; json: string }> | undefined;
  const read = () => {
    texts ??= readDocument().catch((error: unknown) => {
      texts = undefined;
      throw error;
    });
    return texts;
  };

  serveOperation(app, getOpenApiYaml, async (_request, reply) => {
    const { yaml } = await read();
    return reply.header('cache-control', CACHE_CONTROL).type('application/yaml; charset=utf-8').send(yaml);
  });
  serveOperation(app, getOpenApiJson, async (_request, reply) => {
    const { json } = await read();
    return reply.header('cache-control', CACHE_CONTROL).type('application/json; charset=utf-8').send(json);
  });
}

async function readDocument(): Promise<{ yaml: string; json: string }> {
  const yaml = await readFile(DOCUMENT_FILE, 'utf8');
  return { yaml, json: JSON.stringify(parse(yaml)) };
}
