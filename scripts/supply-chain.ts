/** What we ship and from where: licences and checksums of all packages, and secrets that were committed by mistake. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

type LockedPackage = {
  version?: string;
  license?: string;
  integrity?: string;
  dev?: boolean;
  link?: boolean;
  inBundle?: boolean;
};

/** Permissive licences: notices are kept, nothing else is asked. */
const PERMISSIVE = new Set([
  'MIT',
  'MIT-0',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  '0BSD',
  'Unlicense',
  'CC0-1.0',
  'Zlib',
  'Python-2.0',
]);

/** Packages with another licence, or none in the lock file, each with the reason why we may use it. */
const EXAMINED: readonly (readonly [name: RegExp, reason: string])[] = [
  [/^@img\/sharp-(libvips-|win32|wasm32|webcontainers)/, 'LGPL-3.0, a shared library that users can replace'],
  [/^(busboy|dicer|streamsearch|humanize-number|only)$/, 'MIT by its licence file; development only'],
  [/^jsonc-simple-parser$/, 'MIT by its licence file; development only'],
  [/^duck$/, 'BSD-2-Clause by its licence file'],
  [/^spdx-exceptions$/, 'CC-BY-3.0, a list; development only'],
];

const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** Whether one of the alternatives of an SPDX expression is permissive in all its parts. */
export function isPermissive(expression: string): boolean {
  const alternatives = expression.replaceAll(/[()]/g, '').split(' OR ');
  return alternatives.some((one) => one.split(' AND ').every((licence) => PERMISSIVE.has(licence.trim())));
}

function readPackages(): [name: string, LockedPackage][] {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, LockedPackage>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { link }]) => path !== '' && !link)
    .map(([path, locked]) => [nameOf(path), locked]);
}

/** Packages whose licence needs to be examined. */
export function checkLicences(packages = readPackages()): string[] {
  return packages
    .filter(([name]) => !EXAMINED.some(([pattern]) => pattern.test(name)))
    .filter(([, { license }]) => license === undefined || !isPermissive(license))
    .map(
      ([name, { license }]) => `${name}: ${license ?? 'no licence'}. Examine it (scripts/supply-chain.ts).`,
    );
}

/** Packages that `npm ci` would install unchecked, those of other platforms included. */
export function checkIntegrity(packages = readPackages()): string[] {
  return packages
    .filter(([, { integrity, inBundle }]) => integrity === undefined && !inBundle)
    .map(([name, { version }]) => `${name}@${version} has no checksum in package-lock.json`);
}

/** Formats of credentials that are never a placeholder. Tests write theirs so that they do not match. */
const CREDENTIALS: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}/],
  ['a key of OpenAI', /\bsk-(proj-)?[A-Za-z0-9]{40,}\b/],
  ['a key of Anthropic', /\bsk-ant-[A-Za-z0-9_-]{60,}/],
  ['a key of Google', /\bAIza[A-Za-z0-9_-]{35}\b/],
  ['a live key of Stripe', /\b[rs]k_live_[A-Za-z0-9]{20,}\b/],
  ['a webhook secret', /\bwhsec_[A-Za-z0-9+/]{32,}/],
  ['a token of GitHub', /\bgh[pousr]_[A-Za-z0-9]{36}\b/],
  ['a key of AWS', /\bAKIA[A-Z0-9]{16}\b/],
  ['a token of Slack', /\bxox[abprs]-[A-Za-z0-9-]{20,}/],
];

/** Credentials in a text, by line. */
export function findCredentials(text: string): string[] {
  return CREDENTIALS.flatMap(([what, pattern]) => {
    const match = pattern.exec(text);
    return match === null ? [] : [`line ${text.slice(0, match.index).split('\n').length}: ${what}`];
  });
}

/** Credentials in any file of the repository. */
export function checkCredentials(): string[] {
  const files = execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' }).split('\0');
  return files
    .filter((file) => file !== '' && file !== 'package-lock.json' && existsSync(file))
    .flatMap((file) => findCredentials(readFileSync(file, 'utf8')).map((fault) => `${file}, ${fault}`));
}

if (import.meta.main) {
  const byLicence = new Map<string, string[]>();
  for (const [name, { license = 'none', dev, version }] of readPackages()) {
    if (!dev) byLicence.set(license, [...(byLicence.get(license) ?? []), `${name}@${version}`]);
  }
  for (const [licence, names] of [...byLicence].toSorted()) {
    console.log(
      `\n${licence}\n${[...new Set(names)]
        .toSorted()
        .map((name) => `  ${name}`)
        .join('\n')}`,
    );
  }
}
