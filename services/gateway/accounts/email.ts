/** Providers that ignore dots in the part before the @, by every domain they answer to. */
const DOTLESS_DOMAINS: Readonly<Record<string, string>> = {
  'gmail.com': 'gmail.com',
  'googlemail.com': 'gmail.com',
};

/**
 * One person, one identity: lower case, without `+tag`, and with the aliases of known providers folded. Mail is never
 * sent to it; it only tells whether somebody has been here before.
 */
export function normaliseEmail(email: string): string {
  const lower = email.toLowerCase();
  const at = lower.lastIndexOf('@');
  const domain = lower.slice(at + 1);
  const [mailbox = ''] = lower.slice(0, at).split('+', 1);
  const canonical = DOTLESS_DOMAINS[domain];
  return canonical === undefined ? `${mailbox}@${domain}` : `${mailbox.replaceAll('.', '')}@${canonical}`;
}
