import { globSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ConfigRow, type ConfigSchema, describeConfig } from '#libs/config/config.ts';

/** Titles of the folders that are not services. */
const TITLES: Record<string, string> = { local: 'npm start', docker: 'the set-up of a production database' };

/** The variables that one service, or one command, reads. */
export type ConfigSource = { name: string; rows: ConfigRow[] };

/** Reads the schemas that `services/<name>/config.ts` and `deploy/<name>/config.ts` export as `configSchema`. */
export async function readSources(): Promise<ConfigSource[]> {
  const files = [
    ...globSync('deploy/{local,docker}/config.ts').sort().reverse(),
    ...globSync('services/*/config.ts').sort(),
  ];
  return Promise.all(
    files.map(async (file) => {
      const { configSchema } = (await import(pathToFileURL(path.resolve(file)).href)) as {
        configSchema?: ConfigSchema;
      };
      if (!configSchema) throw new Error(`${file} exports no configSchema.`);
      const folder = path.basename(path.dirname(file));
      return { name: TITLES[folder] ?? folder, rows: describeConfig(configSchema) };
    }),
  );
}
