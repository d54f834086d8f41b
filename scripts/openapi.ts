import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/** The published description of the API, generated from the contracts of the routes. */
export const OPENAPI_FILE = 'openapi.yaml';
const BUILDER = path.resolve('services/gateway/openapi/document.ts');

/** Builds the document from the routes as they are, or null while there is no builder and no published document. */
async function buildDocument(): Promise<string | null> {
  if (!existsSync(BUILDER) && !existsSync(OPENAPI_FILE)) return null;
  const { buildOpenApiDocument } = (await import(pathToFileURL(BUILDER).href)) as {
    buildOpenApiDocument: () => Promise<string>;
  };
  return buildOpenApiDocument();
}

/** What differs between the published document and the routes; empty when it is up to date. */
export async function checkOpenApi(): Promise<string[]> {
  const built = await buildDocument();
  if (built === null) return [];
  const published = existsSync(OPENAPI_FILE) ? readFileSync(OPENAPI_FILE, 'utf8') : '';
  return published === built ? [] : [`${OPENAPI_FILE} is out of date: run \`npm run openapi\``];
}

if (import.meta.main) {
  const built = await buildDocument();
  if (built === null) throw new Error(`There is no ${BUILDER} to build the document with.`);
  writeFileSync(OPENAPI_FILE, built);
  console.log(`Wrote ${OPENAPI_FILE}.`);
}
