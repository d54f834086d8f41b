import { readFileSync } from 'node:fs';

const FILE = new URL('./common-passwords.txt', import.meta.url);

let common: ReadonlySet<string> | undefined;

/** Whether a password is among those that guessing starts with, in any case and with digits or signs appended. */
export function isCommonPassword(password: string): boolean {
  common ??= new Set(
    readFileSync(FILE, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#')),
  );
  const plain = password.normalize('NFKC').toLowerCase();
  return common.has(plain) || common.has(plain.replace(/[\d\W_]{1,4}$/, ''));
}
