/**
 * `npm run secrets -- <folder> --rotate <name> --step <step>`: the three steps that replace the keys of access tokens, of
 * requests between services or of encrypted secrets without downtime. After each, every process that reads the file is restarted.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { internalKeysOf } from '#deploy/local/internal-keys.ts';
import { newJwtKeys } from '#deploy/local/secrets.ts';
import { SERVICE_NAMES } from '#libs/contracts/internal-context.ts';
import { randomText } from './random-text.ts';

export const ROTATED = ['jwt-keys', 'internal-keys', 'encryption-keys'] as const;
export const STEPS = ['add', 'promote', 'remove'] as const;
export type RotatedName = (typeof ROTATED)[number];
export type RotationStep = (typeof STEPS)[number];

/** The first signs, all verify. @throws Error for a step out of order. */
export function rotate<Key>(keys: readonly Key[], step: RotationStep, create: () => Key): Key[] {
  const [first, second, ...more] = keys;
  if (first === undefined || more.length > 0)
    throw new Error(`There are ${keys.length} keys; a rotation has 2.`);
  if (step === 'add') {
    if (second !== undefined) throw new Error('Finish the rotation that has begun: promote, then remove.');
    return [first, create()];
  }
  if (second === undefined) throw new Error('Begin a rotation with the step add.');
  return step === 'promote' ? [second, first] : [first];
}

/** Replaces the content at once, so that a process that starts reads the old or the new one. */
function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o644, flush: true });
  renameSync(`${file}.new`, file);
}

const rotateList = (file: string, step: RotationStep): string[] =>
  rotate(readFileSync(file, 'utf8').split(','), step, randomText);

/** Performs a step in the folder of `writeSecrets`. @throws Error for a step out of order, or without the files. */
export function rotateSecret(folder: string, name: RotatedName, step: RotationStep): void {
  const fileOf = (one: string) => path.join(folder, one);
  if (name === 'jwt-keys') {
    const keys = JSON.parse(readFileSync(fileOf(name), 'utf8')) as unknown[];
    const newKey = () => (JSON.parse(newJwtKeys()) as unknown[])[0];
    replace(fileOf(name), JSON.stringify(rotate(keys, step, newKey)));
    return;
  }
  if (name === 'encryption-keys') {
    replace(fileOf(name), rotateList(fileOf(name), step).join(','));
    return;
  }
  const rotated = rotateList(fileOf('internal-secret'), step);
  replace(fileOf('internal-secret'), rotated.join(','));
  for (const service of SERVICE_NAMES) {
    const keys = rotated.map((secret) => internalKeysOf(service, secret));
    replace(fileOf(`internal-keys-${service}`), keys.join(','));
  }
}
