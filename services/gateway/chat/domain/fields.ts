/** Helpers to inspect a request's JSON before its schema does. */
import { problem } from '#libs/problems/problems.ts';

export type Fields = Record<string, unknown>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The objects of a list; empty for anything else. */
export function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

/** A text as it is, any other value as JSON. `String` would call a `toString` that the request may have replaced. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
}

/** @throws ProblemError `unsupported_parameter`, naming the field. */
export function refuse(param: string, why: string): never {
  throw problem('unsupported_parameter', {
    detail: `${param} is not supported: ${why}.`,
    fields: { param },
  });
}

/** Removes fields that are null, in place: they are unset. @returns whether there were any. */
export function dropNulls(fields: Fields): boolean {
  const names = Object.keys(fields).filter((name) => fields[name] === null);
  for (const name of names) delete fields[name];
  return names.length > 0;
}

/** Removes fields, in place. @returns the names of those that had a value. */
export function take(fields: Fields, names: readonly string[]): string[] {
  const given: string[] = [];
  for (const name of names) {
    if (fields[name] !== undefined && fields[name] !== null) given.push(name);
    delete fields[name];
  }
  return given;
}
