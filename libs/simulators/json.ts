import { Refusal } from './dialect.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function objectOr(value: unknown, otherwise: JsonObject = {}): JsonObject {
  return isObject(value) ? value : otherwise;
}

/** The objects of an array; what is no array has none. */
export function objectsOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

export function textOr(value: unknown, otherwise = ''): string {
  return typeof value === 'string' ? value : otherwise;
}

export function optionalText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** @throws Refusal unless the value is absent, null or a whole number within the bounds */
export function optionalInteger(
  value: unknown,
  param: string,
  { min = 1, max = Number.MAX_SAFE_INTEGER } = {},
): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number;
  throw new Refusal(400, `Invalid '${param}': expected a whole number from ${min} to ${max}.`, {
    code: 'integer_out_of_range',
    param,
  });
}
