/** Writes the JSON Schema that editors check catalogue files against. Run it after a change of the schema. */
import { writeFile } from 'node:fs/promises';
import { catalogueJsonSchema } from '#libs/catalogue/json-schema.ts';

const target = new URL('./catalogue.schema.json', import.meta.url);
await writeFile(target, `${JSON.stringify(catalogueJsonSchema(), null, 2)}\n`);
