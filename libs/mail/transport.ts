import { createTransport } from 'nodemailer';
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
  if (url.startsWith('http')) return (mail) => post(url, { ...mail, from });
  const transport = createTransport({
    url,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return async ({ id, to, subject, text, html }) => {
    await transport.sendMail({
      from,
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

async function post(url: string, mail: Mail & { from: string }): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(mail),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`The mailbox answered ${response.status}`);
}

/** The domain of `Name <user@domain>`. */
function domainOf(from: string): string {
  return /@([\w.-]+)>?\s*$/.exec(from)?.[1] ?? 'localhost';
}
