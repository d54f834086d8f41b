/** The mails that the product sends, each as plain text and as HTML. */
import type { Brand } from '#libs/contracts/branding.ts';
import { brandText, button, escapeHtml, heading, link, mailPage, note, paragraph } from './layout.ts';

const COLOUR = '#1d5fa8';

export type MailTemplate = 'verify_email' | 'account_exists' | 'password_reset' | 'invitation';

export type MailContent = {
  subject: string;
  text: string;
  html: string;
  /** Whose mail it is; null for the product's own. */
  brand: Brand | null;
};

type Draft = {
  subject: string;
  paragraphs: readonly string[];
  /** The page of the frontend that sends the token on; null for a mail without a link. */
  path: string | null;
  /** Names the link. */
  action?: string;
  /** Where a program sends the token instead. */
  operation?: string;
};

const DRAFTS: Readonly<Record<MailTemplate, Draft>> = {
  verify_email: {
    subject: 'Confirm your email address',
    paragraphs: [
      'Open this link within 24 hours to confirm your email address and to use your account.',
      'If you did not sign up, ignore this mail: the account cannot be used without this link.',
    ],
    path: '/verify-email',
    action: 'Confirm address',
    operation: 'POST /api/auth/verify-email',
  },
  account_exists: {
    subject: 'You already have an account',
    paragraphs: [
      'Someone tried to sign up with your email address, which already has an account.',
      'If it was you, sign in. If you have forgotten your password, ask for a new one there.',
      'If it was not you, ignore this mail: your account has not changed.',
    ],
    path: null,
  },
  invitation: {
    subject: 'You are invited to an account',
    paragraphs: [
      'Open this link within seven days to accept the invitation.',
      'If you do not know who invites you, ignore this mail: nothing happens without the link.',
    ],
    path: '/invitations/accept',
    action: 'Accept invitation',
    operation: 'POST /api/invitations/accept',
  },
  password_reset: {
    subject: 'Choose a new password',
    paragraphs: [
      'Open this link within one hour to choose a new password. It signs you out everywhere.',
      'If you did not ask for it, ignore this mail: your password has not changed.',
    ],
    path: '/reset-password',
    action: 'Choose a password',
    operation: 'POST /api/auth/password-reset/confirm',
  },
};

/**
 * @param options.token single-use; null for a mail without a link.
 * @param options.opening the first paragraph, where it differs for each mail.
 * @param options.brand null for the product's own.
 */
export function renderMail(
  template: MailTemplate,
  {
    appUrl,
    token,
    opening,
    brand,
  }: { appUrl: string; token: string | null; opening?: string; brand: Brand | null },
): MailContent {
  const { subject, paragraphs, path, action = 'Open', operation } = DRAFTS[template];
  const url = path === null || token === null ? null : `${appUrl}${path}?token=${token}`;
  const [first = '', ...rest] = paragraphs;
  const program = operation && token !== null ? [`For programs: ${operation} with the token ${token}`] : [];
  const openings = opening === undefined ? [] : [opening];
  const text = [
    ...openings,
    first,
    ...(url === null ? [] : [url]),
    ...rest,
    ...program,
    ...brandText(brand),
  ].join('\n\n');
  const colour = brand?.primaryColour ?? COLOUR;
  const content = [
    heading(escapeHtml(subject)),
    ...[...openings, first].map((line) => paragraph(escapeHtml(line))),
    ...(url === null ? [] : [button(action, url, colour)]),
    ...rest.map((line) => paragraph(escapeHtml(line))),
    ...(url === null ? [] : [note(`If the button does not work, open ${link(url)}`)]),
  ];
  const html = mailPage(content.join('\n'), { colour, brand });
  return { subject, text: `${text}\n`, html, brand };
}
