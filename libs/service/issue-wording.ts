/** What the schemas say of an invalid value, in words that follow the name of a field: `limit is not valid: must be at least 1`. */

const WORDINGS: readonly (readonly [message: RegExp, wording: string])[] = [
  [/^Invalid .+ received undefined$/, 'A value is required'],
  [/^Invalid input: expected int, received number$/, 'must be an integer'],
  [/^Invalid input: expected (.+), received (.+)$/, 'must be of the type $1, not $2'],
  [/^Invalid input: expected (.+)$/, 'must be $1'],
  [/^Invalid option: expected one of (.+)$/, 'must be one of $1'],
  [/^Invalid discriminator value\. Expected (.+)$/, 'must be one of $1'],
  [/^Too small: expected \w+ to have >=(\d+) (\w+)$/, 'must have at least $1 $2'],
  [/^Too big: expected \w+ to have <=(\d+) (\w+)$/, 'must have at most $1 $2'],
  [/^Too small: expected \w+ to be >=(.+)$/, 'must be at least $1'],
  [/^Too small: expected \w+ to be >(.+)$/, 'must be greater than $1'],
  [/^Too big: expected \w+ to be <=(.+)$/, 'must be at most $1'],
  [/^Too big: expected \w+ to be <(.+)$/, 'must be less than $1'],
  [/^Invalid ISO datetime$/, 'must be an instant in ISO 8601, such as 2026-11-20T12:00:00Z'],
  [/^Invalid ISO date$/, 'must be a date such as 2026-11-20'],
  [/^Invalid UUID$/, 'must be a UUID'],
  [/^Invalid URL$/, 'must be a URL'],
  [/^Invalid email address$/, 'must be an email address'],
];

/** @param message of an issue; texts of our own schemas are returned as they are. */
export function wordingOf(message: string): string {
  const [pattern, wording] = WORDINGS.find(([pattern]) => pattern.test(message)) ?? [];
  if (pattern === undefined || wording === undefined) return message;
  const options = message.replaceAll(/\s*\|\s*/g, ', ').replaceAll("'", '"');
  return options.replace(pattern, wording).replace(/\b1 (\w+)s$/, '1 $1');
}
