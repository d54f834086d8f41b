import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const anyWord = (words: readonly string[], flags = '') => new RegExp(`\\b(${words.join('|')})\\b`, flags);

/** Names that were replaced; the new ones are in use everywhere. */
const RETIRED_NAMES = [
  'ledger_books|ledger_cross|barred_at|next_lines|inkmeter_running_work',
  'Lane|LimitStanding|AccountStanding|StandingQuery|CallJob|PaymentSettlement',
  'refuseStranger|passGate|keptResult|kept answers?|giveBack|changeBeside|caughtUp|attendants',
  'CLOCKWORK|MOST_REMEMBERED',
];

/** Words with a plainer replacement: user, shard, grace period, in addition to, release, notify. */
const AVOIDED_WORDS = [
  'nobody|somebody|anybody|whoever|whatever|strangers?|persons?|people',
  'besides?|lanes?|standings?|patience|told|what is so|once more',
  'gives? back|gave back|given back',
];

/** Files that may use these words, with the reason. */
const KEEP_WORDS = new RegExp(
  `^(${[
    // This list, and licences and lock files of others.
    'scripts/hygiene',
    'LICENSE$',
    'package-lock\\.json$',
    // A list with its licence.
    'libs/auth/common-passwords\\.txt$',
    // Applied migrations never change, and neither do their fixtures.
    'migrations/',
    // Generated texts and prompts in everyday English.
    'libs/simulators/(phrases/[a-z]{2}|answer|text)\\.ts$',
    'libs/pipelines/',
    // `nobody` is an account of the operating system.
    'libs/embedded/postgres-binaries\\.ts$',
    'docs/decisions/2026-11-20-embedded-postgres\\.md$',
  ].join('|')})`,
);

/** Words are written in two parts where the whole word would match this file. */
const FORBIDDEN: { what: string; pattern: RegExp; except?: RegExp }[] = [
  {
    what: 'an open end',
    pattern: new RegExp(`\\b(${'TO'}${'DO'}|${'FIX'}${'ME'}|${'XX'}${'X'}|${'HA'}${'CK'})\\b`),
  },
  { what: 'a path of one machine', pattern: /(^|[\s"'`(=:])\/(home|Users|root|work)\/[\w.-]+/ },
  {
    what: 'a host of a package registry',
    pattern: /registry\.(npmjs|yarnpkg)\.|\b(artifactory|nexus|verdaccio)\b[.:/]/i,
    except: /^package-lock\.json$/,
  },
  { what: 'an unresolved merge', pattern: /^(<{7}|>{7}) / },
  {
    what: 'a retired name (CONTRIBUTING.md, Language)',
    pattern: anyWord(RETIRED_NAMES),
    // Migrations and the upgrade test name tables of earlier releases; decisions keep their terms.
    except: /^(migrations\/|docs\/decisions\/|libs\/db\/upgrade\.test\.ts$|scripts\/hygiene)/,
  },
  {
    what: 'a word that CONTRIBUTING.md (Language) avoids',
    pattern: anyWord(AVOIDED_WORDS, 'i'),
    except: KEEP_WORDS,
  },
];

const BINARY = /\.(png|jpe?g|gif|ico|woff2?|pdf|zip|gz)$/;

/** The faults of one file, as `file:line: what: text`. */
export function findDirt(file: string, text: string): string[] {
  const suspects = FORBIDDEN.filter(
    ({ pattern, except }) => !except?.test(file) && new RegExp(pattern, `${pattern.flags}m`).test(text),
  );
  if (suspects.length === 0) return [];
  return text
    .split('\n')
    .flatMap((line, index) =>
      suspects
        .filter(({ pattern }) => pattern.test(line))
        .map(({ what }) => `${file}:${index + 1}: ${what}: ${line.trim().slice(0, 100)}`),
    );
}

const GUIDES = /^(README|CONTRIBUTING|docs\/[a-z-]+)\.md$/;
const NAMED_PATH = /`((?:libs|services|deploy|scripts|migrations|docs|prove|bench)\/[\w./-]+)`/g;

/** Paths that a guide names and that do not exist. */
export function findBrokenPaths(file: string, text: string): string[] {
  if (!GUIDES.test(file)) return [];
  return [...text.matchAll(NAMED_PATH)]
    .map(([, named = '']) => named)
    .filter((named) => !existsSync(named))
    .map((named) => `${file}: names ${named}, which does not exist`);
}

/** Checks all files that git tracks or would add. */
export function findAllDirt(): { files: number; dirt: string[] } {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { encoding: 'utf8' });
  const files = listed.split('\0').filter((file) => file !== '' && !BINARY.test(file));
  const dirt = files.flatMap((file) => {
    try {
      const text = readFileSync(file, 'utf8');
      return [...findDirt(file, text), ...findBrokenPaths(file, text)];
    } catch (error) {
      // Deleted in the working tree, but still tracked.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  });
  return { files: files.length, dirt };
}
