import type { accounts } from '#libs/db/schema/gateway.ts';
import { type ProblemCode, problem } from '#libs/problems/problems.ts';

export type AccountStatus = (typeof accounts.$inferSelect)['status'];

/**
 * @param whenDeleted the problem of a deleted account: the one that an unknown credential gets.
 * @throws ProblemError `account_suspended`, or the given code.
 */
export function checkAccountStatus(status: AccountStatus, whenDeleted: ProblemCode): void {
  if (status === 'suspended') throw problem('account_suspended');
  if (status !== 'active') throw problem(whenDeleted);
}

/** Providers that ignore dots in the mailbox, by each of their domains. */
const DOTLESS_DOMAINS: Readonly<Record<string, string>> = {
  'gmail.com': 'gmail.com',
  'googlemail.com': 'gmail.com',
};

/**
 * The same text for every spelling of one mailbox: lower case, without `+tag`, provider aliases folded. Used to
 * recognise a returning user, never to send mail.
 */
export function normaliseEmail(email: string): string {
  const lower = email.toLowerCase();
  const at = lower.lastIndexOf('@');
  const domain = lower.slice(at + 1);
  const [mailbox = ''] = lower.slice(0, at).split('+', 1);
  const canonical = DOTLESS_DOMAINS[domain];
  return canonical === undefined ? `${mailbox}@${domain}` : `${mailbox.replaceAll('.', '')}@${canonical}`;
}
