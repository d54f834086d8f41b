import { createTransport } from 'nodemailer';
import { logoImage } from '#libs/contracts/brand-logo.ts';
import { LOGO_ID } from './layout.ts';
import type { MailContent } from './templates.ts';

export type Mail = MailContent & {
  to: string;
  /** Stable over repeated deliveries, so that a mail server recognises one. */
  id: string;
};

export type SendMail = (mail: Mail) => Promise<void>;

const TIMEOUT_MS = 15_000;

/**
 * Sends by SMTP, or posts to a mailbox of `npm start` when the URL begins with `http`.
 *
 * @param options.url `smtp://user:password@host:port`, `smtps://…`, or `http://…`.
 */
export function createMailTransport(options: { url: string; from: string }): SendMail {
  const { url, from } = options;
  const domain = domainOf(from);
  if (url.startsWith('http')) return (mail) => post(url, mail, from);
  const transport = createTransport({
    url,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return async ({ id, to, subject, text, html, brand }) => {
    await transport.sendMail({
      from: brand === null ? from : { name: brand.productName, address: addressOf(from) },
      ...(brand?.supportEmail && { replyTo: { name: '', address: brand.supportEmail } }),
      attachments: logoOf(brand),
      // An object: an address in a string could contain a list.
      to: { name: '', address: to },
      subject,
      text,
      html,
      messageId: `<${id}@${domain}>`,
      headers: { 'Auto-Submitted': 'auto-generated' },
    });
  };
}

/** An uploaded logo is part of the mail. */
function logoOf(brand: Mail['brand']) {
  const image = brand?.logoUrl ? logoImage(brand.logoUrl) : undefined;
  if (image === undefined) return [];
  const { contentType, bytes: content } = image;
  return [{ cid: LOGO_ID, filename: contentType.replace('image/', 'logo.'), contentType, content }];
}

/** The mailbox shows mails in a browser, which finds no parts of a mail. */
async function post(url: string, { brand, html, ...mail }: Mail, from: string): Promise<void> {
  const sender = brand === null ? from : `${brand.productName} <${addressOf(from)}>`;
  const shown = html.replace(`"cid:${LOGO_ID}"`, () => `"${brand?.logoUrl}"`);
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...mail, html: shown, from: sender }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`The mailbox answered ${response.status}`);
}

/** The address of `Name <user@domain>`. */
const addressOf = (from: string): string => /<([^<>]+)>\s*$/.exec(from)?.[1] ?? from.trim();

/** The domain of `Name <user@domain>`. */
function domainOf(from: string): string {
  return /@([\w.-]+)>?\s*$/.exec(from)?.[1] ?? 'localhost';
}
