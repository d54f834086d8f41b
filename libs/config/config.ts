import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Environment } from './env.ts';

/** An object schema whose keys are environment variables, each with `.describe()`. */
export type ConfigSchema = z.ZodObject;

/** One environment variable, for documentation. */
export type ConfigRow = {
  readonly name: string;
  readonly description: string;
  /** As it would be written in the environment; never given for a secret. */
  readonly default: string | undefined;
  readonly required: boolean;
  readonly secret: boolean;
};

/** The environment does not match the schema. The message names each invalid variable and shows no secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** A secret `X` may be the content of the file that `X_FILE` names, as mounted by Docker and Kubernetes. */
export const FILE_SUFFIX = '_FILE';

/**
 * Reads configuration from the environment. An empty variable counts as unset, as in every shell's `X= command`.
 * Each secret may come from a file instead (`FILE_SUFFIX`); one line break at the end of the file is dropped.
 *
 * @throws ConfigError naming every variable that is missing or wrong, with its description.
 */
export function loadConfig<Schema extends ConfigSchema>(schema: Schema, env: Environment): z.output<Schema> {
  const rows = new Map(describeConfig(schema).map((row) => [row.name, row]));
  const given: Record<string, string> = {};
  for (const { name, secret } of rows.values()) {
    const value = secret ? readSecret(env, name) : env[name];
    if (value !== undefined && value !== '') given[name] = value;
  }
  const result = schema.safeParse(given);
  if (result.success) return result.data;

  const issues = result.error.issues.map((issue) => {
    const row = rows.get(String(issue.path[0]));
    if (row === undefined) return `  ${issue.message}`;
    const value = given[row.name];
    if (value === undefined) return `  ${row.name} is not set: ${row.description}`;
    // zod does not quote values, but one of our refinements might: a secret gets a fixed message
    return row.secret
      ? `  ${row.name} is not valid: ${row.description}`
      : `  ${row.name}=${JSON.stringify(value)} is not valid (${issue.message}): ${row.description}`;
  });
  throw new ConfigError(`Invalid environment:\n${issues.join('\n')}`);
}

/** A secret from the environment or from its file. @throws ConfigError if it is given twice, or its file cannot be read. */
export function readSecret(env: Environment, name: string): string | undefined {
  const path = env[name + FILE_SUFFIX];
  if (!path) return env[name];
  if (env[name]) throw new ConfigError(`Set either ${name} or ${name}${FILE_SUFFIX}, not both.`);
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new ConfigError(`${name}${FILE_SUFFIX}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * Describes every variable, in the order of the schema.
 *
 * @throws TypeError if a variable has no description, which is a mistake in the code.
 */
export function describeConfig(schema: ConfigSchema): ConfigRow[] {
  return Object.entries(schema.shape).map(([name, variable]) => {
    const { description, secret, fallback, optional } = inspect(variable as z.ZodType);
    if (description === undefined) throw new TypeError(`The variable ${name} has no description`);
    return {
      name,
      description,
      default: secret ? undefined : fallback,
      required: !optional && fallback === undefined,
      secret,
    };
  });
}

type Facts = {
  description: string | undefined;
  secret: boolean;
  fallback: string | undefined;
  optional: boolean;
};

/** Wrappers (`optional`, `default`, `pipe`) hide the metadata inside them, so this reads every layer; the outermost wins. */
function inspect(variable: z.ZodType): Facts {
  const facts: Facts = { description: undefined, secret: false, fallback: undefined, optional: false };
  let layer: z.core.$ZodType | undefined = variable;
  while (layer !== undefined) {
    const meta = z.globalRegistry.get(layer);
    facts.description ??= meta?.description;
    facts.secret ||= meta?.secret === true;
    const definition: z.core.$ZodTypes['_zod']['def'] = (layer as z.core.$ZodTypes)._zod.def;
    switch (definition.type) {
      case 'default':
      case 'prefault':
        facts.fallback ??= show(definition.defaultValue);
        layer = definition.innerType;
        break;
      case 'optional':
        facts.optional = true;
        layer = definition.innerType;
        break;
      case 'nullable':
      case 'readonly':
        layer = definition.innerType;
        break;
      case 'pipe':
        layer = definition.in;
        break;
      default:
        layer = undefined;
    }
  }
  return facts;
}

function show(value: unknown): string {
  return Array.isArray(value) ? value.join(',') : String(value);
}
