import { LRUCache } from 'lru-cache';

/** How usage is counted and reported. The README describes each mode. */
export const USAGE_MODES = ['counted', 'max', 'more', 'zero', 'late'] as const;
export type UsageMode = (typeof USAGE_MODES)[number];

const WRONG_LANGUAGE = ['once', 'always'] as const;
type WrongLanguage = (typeof WRONG_LANGUAGE)[number];

/** What a request asks the simulator to do out of the ordinary. The README lists the grammar. */
export interface Directives {
  /** Names the request for `failures`; requests with equal bodies share a name otherwise. */
  id?: string;
  /** Always answer with this status. */
  status?: number;
  /** Answer with this status the first `count` times, after those that `pass`. */
  failures?: { status: number; count: number };
  retryAfterMs?: number;
  slowMs?: number;
  /** Waits for `POST /release?name=`. */
  until?: string;
  /** Calls that are answered before one fails, or waits at the gate of `until`. */
  pass?: number;
  chunkDelayMs?: number;
  cutAfter?: number;
  malformed?: true;
  hang?: true;
  fill?: true;
  fillInput?: number;
  tokens?: number;
  cached?: number;
  reasoning?: number;
  chunks?: number;
  overrun?: number;
  noUsage?: true;
  usage?: UsageMode;
  moderated?: true;
  /** Answers in another language: the first time only, or also when asked to correct that. */
  wrongLanguage?: WrongLanguage;
}

/** Shared by all requests that ask for nothing special. */
export const noDirectives: Directives = Object.freeze({});

const switches: ReadonlyMap<
  string,
  keyof Directives & ('malformed' | 'hang' | 'fill' | 'noUsage' | 'moderated')
> = new Map([
  ['malformed', 'malformed'],
  ['hang', 'hang'],
  ['fill', 'fill'],
  ['no_usage', 'noUsage'],
  ['moderated', 'moderated'],
]);

/** Each one is an object in memory before it is sent. */
const mostChunks = 100_000;

type NumberDirective = {
  [Name in keyof Directives]-?: Directives[Name] extends number | undefined ? Name : never;
}[keyof Directives];

const numbers: ReadonlyMap<string, NumberDirective> = new Map([
  ['status', 'status'],
  ['retry_after_ms', 'retryAfterMs'],
  ['slow', 'slowMs'],
  ['pass', 'pass'],
  ['chunk_delay', 'chunkDelayMs'],
  ['cut', 'cutAfter'],
  ['fill_input', 'fillInput'],
  ['tokens', 'tokens'],
  ['cached', 'cached'],
  ['reasoning', 'reasoning'],
  ['chunks', 'chunks'],
  ['overrun', 'overrun'],
]);

/** @returns undefined if any word is unknown, so that a typo cannot pass for a success */
export function parseDirectives(text: string): Directives | undefined {
  const directives: Directives = {};
  for (const word of text.split(',')) {
    const [name = '', value, ...rest] = word.trim().split('=');
    if (name === '' && value === undefined) continue;
    if (rest.length > 0 || !apply(directives, name, value)) return undefined;
  }
  return directives;
}

function apply(directives: Directives, name: string, value: string | undefined): boolean {
  if (value === undefined) {
    const setting = switches.get(name);
    if (setting) {
      directives[setting] = true;
      return true;
    }
    const [, status, count] = /^([45]\d\d)x(\d{1,4})$/.exec(name) ?? [];
    if (status === undefined || count === undefined) return false;
    directives.failures = { status: Number(status), count: Number(count) };
    return true;
  }
  if (name === 'id') {
    directives.id = value;
    return true;
  }
  if (name === 'until') {
    directives.until = value;
    return true;
  }
  if (name === 'usage') {
    const mode = USAGE_MODES.find((known) => known === value);
    if (mode !== undefined) directives.usage = mode;
    return mode !== undefined;
  }
  if (name === 'wrong_language') {
    const mode = WRONG_LANGUAGE.find((known) => known === value);
    if (mode !== undefined) directives.wrongLanguage = mode;
    return mode !== undefined;
  }
  const setting = numbers.get(name);
  if (!setting || !/^\d{1,9}$/.test(value)) return false;
  const number = Number(value);
  if (setting === 'status' && (number < 400 || number > 599)) return false;
  if (setting === 'chunks' && (number === 0 || number > mostChunks)) return false;
  directives[setting] = number;
  return true;
}

/** Where a request may carry directives. */
export interface DirectiveSources {
  /** `x-simulate` */
  readonly header: string | undefined;
  readonly model: string;
  /** `user` or `metadata.user_id`; ignored unless every word of it is a directive */
  readonly endUser: string | undefined;
  /** The last user message, with `[[simulate: …]]` anywhere in it. */
  readonly message: string;
}

/** Finds and joins the directives of a request; a later source overrides an earlier one. */
export function findDirectives(sources: DirectiveSources): Directives | { unknown: string } {
  const { header, model, endUser, message } = sources;
  const hash = model.indexOf('#');
  const bracket = message.indexOf('[[simulate:');
  if (header === undefined && endUser === undefined && hash < 0 && bracket < 0) return noDirectives;

  const texts: string[] = [];
  if (hash >= 0) texts.push(model.slice(hash + 1).replace(/^fault=/, ''));
  if (bracket >= 0) texts.push(/\[\[simulate:([^\]]*)\]\]/.exec(message)?.[1] ?? message.slice(bracket));
  if (header !== undefined) texts.push(header);

  let found: Directives = (endUser === undefined ? undefined : parseDirectives(endUser)) ?? {};
  for (const text of texts) {
    const directives = parseDirectives(text);
    if (!directives) return { unknown: text };
    found = { ...found, ...directives };
  }
  return found;
}

/** Counts attempts, so that a request can fail a few times and then succeed. */
export interface Attempts {
  /** Counts one more attempt under this name. @returns the number of attempts so far, this one included */
  count(name: string): number;
  clear(): void;
}

export function createAttempts(): Attempts {
  const attempts = new LRUCache<string, number>({ max: 10_000 });
  return {
    count(name) {
      const next = (attempts.get(name) ?? 0) + 1;
      attempts.set(name, next);
      return next;
    },
    clear: () => attempts.clear(),
  };
}
