import { domainToASCII } from 'node:url';
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

/** Where everyone can have a mailbox: their domain says nothing about who signs up. */
const PUBLIC_MAIL_DOMAINS = new Set(
  'gmail.com outlook.com hotmail.com live.com msn.com yahoo.com yahoo.co.uk icloud.com me.com aol.com gmx.de gmx.net web.de mail.com proton.me protonmail.com zoho.com yandex.ru mail.ru qq.com 163.com 126.com naver.com orange.fr free.fr t-online.de libero.it'.split(
    ' ',
  ),
);

/** The domain that was registered, as far as its name tells: `mail.example.co.uk` belongs to `example.co.uk`. */
export function mailDomainOf(email: string): string {
  const name = normaliseEmail(email).split('@').at(-1) ?? '';
  const labels = (domainToASCII(name) || name).replace(/\.$/, '').split('.');
  const [second = '', top = ''] = labels.slice(-2);
  return labels.slice(top.length === 2 && second.length <= 3 ? -3 : -2).join('.');
}

export function isSharedMailDomain(domain: string): boolean {
  return PUBLIC_MAIL_DOMAINS.has(domain);
}

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
