const MAX_MESSAGE_LENGTH = 500;

/** Keys of the vendors, and credentials after a scheme of authorization. */
const SECRETS = /\b(?:sk|xai|pk|rk)-[\w*.-]{6,}|\bAIza[\w-]{10,}|\b(?:Bearer|Basic)\s+[\w+/=.~*-]{6,}/gi;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are removed
const CONTROLS = /[\u0000-\u001f\u007f\u2028\u2029]+/g;

/** A provider's message as clients and logs may see it: one short line, without keys. */
export function scrubMessage(message: string): string {
  return message
    .slice(0, 4 * MAX_MESSAGE_LENGTH)
    .toWellFormed()
    .replace(CONTROLS, ' ')
    .replace(SECRETS, '[redacted]')
    .slice(0, MAX_MESSAGE_LENGTH);
}
