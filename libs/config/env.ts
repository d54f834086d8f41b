import { existsSync } from 'node:fs';
import { loadEnvFile } from 'node:process';

/** Environment variables as plain data. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of this process, the only place from which it is read. */
export function processEnv(): Environment {
  return process.env;
}

/** Adds the variables of a `.env` file, if there is one. Variables that are already set win. */
export function loadDotEnv(path = '.env'): void {
  if (existsSync(path)) loadEnvFile(path);
}
