import { DrizzleQueryError } from 'drizzle-orm';
import { scrub, serializeError } from '#libs/service/redaction.ts';

const MAX_MESSAGE_LENGTH = 500;
/** Shorter values are words and numbers that a message may contain by chance. */
const MIN_SECRET_LENGTH = 8;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** An error as the log may have it: without secrets and without values of the job's payload, ids excepted. */
export function describeFailure(error: unknown, payload: unknown): unknown {
  const cause = error instanceof DrizzleQueryError && error.cause !== undefined ? error.cause : error;
  return mapStrings(serializeError(cause), (text) => removeValues(text, payload));
}

/** The same in one sentence, for the job's row. */
export function summarizeFailure(error: unknown, payload: unknown): string {
  const cause = error instanceof DrizzleQueryError && error.cause !== undefined ? error.cause : error;
  const message = cause instanceof Error ? cause.message || cause.name : String(cause);
  return removeValues(scrub(message), payload).slice(0, MAX_MESSAGE_LENGTH);
}

function removeValues(text: string, payload: unknown): string {
  return stringsOf(payload)
    .filter((value) => value.length >= MIN_SECRET_LENGTH && !UUID.test(value))
    .reduce((rest, value) => rest.replaceAll(value, '[payload]'), text);
}

function stringsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsOf) : [];
}

function mapStrings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, mapStrings(entry, change)]));
}
