import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/** The published description of the API, generated from the contracts. */
export const OPENAPI_FILE = 'openapi.yaml';
const BUILDER = path.resolve('services/gateway/openapi/document.ts');

/** Builds the document from the current contracts. */
async function buildDocument(): Promise<string> {
  const { buildOpenApiDocument } = (await import(pathToFileURL(BUILDER).href)) as {
    buildOpenApiDocument: () => Promise<string>;
  };
  return buildOpenApiDocument();
}

/** Faults of the published document; empty if it matches the contracts. */
export async function checkOpenApi(): Promise<string[]> {
  const published = existsSync(OPENAPI_FILE) ? readFileSync(OPENAPI_FILE, 'utf8') : '';
  return published === (await buildDocument())
    ? []
    : [`${OPENAPI_FILE} is out of date: run \`npm run openapi\``];
}

if (import.meta.main) {
  writeFileSync(OPENAPI_FILE, await buildDocument());
  console.log(`Wrote ${OPENAPI_FILE}.`);
}
