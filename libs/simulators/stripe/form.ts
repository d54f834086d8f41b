/** Form bodies in Stripe's bracket notation: `items[0][price]=…&metadata[account]=…`. */
import { invalid } from './fault.ts';

export type Form = { readonly [name: string]: FormValue };
export type FormValue = string | Form;

export function parseForm(text: string): Form {
  const root: Record<string, FormValue> = {};
  for (const [name, value] of new URLSearchParams(text)) put(root, pathOf(name), value);
  return root;
}

function pathOf(name: string): string[] {
  const [head = '', ...rest] = name.split('[');
  return [head, ...rest.map((part) => part.replace(/\]$/, ''))];
}

function put(target: Record<string, FormValue>, path: string[], value: string): void {
  const [first = '', ...rest] = path;
  // `expand[]=x` appends.
  const name = first === '' ? String(Object.keys(target).length) : first;
  if (['__proto__', 'constructor', 'prototype'].includes(name)) throw invalid('Invalid parameter name');
  if (rest.length === 0) {
    target[name] = value;
    return;
  }
  const known = target[name];
  const inner: Record<string, FormValue> = typeof known === 'object' ? { ...known } : {};
  put(inner, rest, value);
  target[name] = inner;
}

export function group(form: Form, name: string): Form | undefined {
  const value = form[name];
  return typeof value === 'object' ? value : undefined;
}

export function list(form: Form, name: string): Form[] {
  return Object.values(group(form, name) ?? {}).filter((value) => typeof value === 'object');
}

export function texts(form: Form, name: string): string[] {
  return Object.values(group(form, name) ?? {}).filter((value) => typeof value === 'string');
}

/** Undefined where it is absent; empty text clears a value, as at Stripe. */
export function text(form: Form, name: string): string | undefined {
  const value = form[name];
  return typeof value === 'string' ? value : undefined;
}

export function needText(form: Form, name: string): string {
  const value = text(form, name);
  if (value === undefined || value === '') throw invalid(`Missing required param: ${name}.`, name);
  return value;
}

export function integer(form: Form, name: string): number | undefined {
  const value = text(form, name);
  if (value === undefined || value === '') return undefined;
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw invalid(`Invalid integer: ${value}`, name);
  return number;
}

export function flag(form: Form, name: string): boolean | undefined {
  const value = text(form, name);
  return value === undefined ? undefined : value === 'true';
}

export function metadataOf(form: Form, before: Record<string, string> = {}): Record<string, string> {
  const metadata = { ...before };
  for (const [name, value] of Object.entries(group(form, 'metadata') ?? {})) {
    if (value === '') delete metadata[name];
    else if (typeof value === 'string') metadata[name] = value;
  }
  return metadata;
}
