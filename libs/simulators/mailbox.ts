/** Mails of a local installation: sent by HTTP instead of SMTP, kept in memory, and shown on a page. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { escapeHtml } from '#libs/mail/layout.ts';
import { sendJson } from './send.ts';

export const MAILBOX_PATH = '/mailbox';

const MAX_MAILS = 200;

const mailSchema = z.object({
  id: z.string(),
  from: z.string(),
  to: z.string(),
  subject: z.string(),
  text: z.string(),
  html: z.string().optional(),
});
type StoredMail = z.infer<typeof mailSchema> & { received_at: string };

/**
 * `POST /mailbox` takes a mail, `GET /mailbox` shows all, `GET /mailbox.json` lists them, newest first, and
 * `GET /mailbox/<id>` shows one as a mail program would.
 */
export function createMailbox(now: () => Date) {
  const mails = new Map<string, StoredMail>();

  async function store(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { success, data } = mailSchema.safeParse(JSON.parse(await text(request)));
    if (!success)
      return sendJson(response, 400, JSON.stringify({ error: 'A mail has id, from, to, subject and text.' }));
    // A repeated delivery replaces the mail, as a mail server would.
    mails.set(data.id, { ...data, received_at: now().toISOString() });
    for (const id of [...mails.keys()].slice(0, Math.max(0, mails.size - MAX_MAILS))) mails.delete(id);
    sendJson(response, 202, JSON.stringify({ id: data.id }));
  }

  return (request: IncomingMessage, response: ServerResponse): void => {
    const newestFirst = () => [...mails.values()].reverse();
    switch (`${request.method} ${request.url}`) {
      case `POST ${MAILBOX_PATH}`:
        store(request, response).catch(() =>
          sendJson(response, 400, JSON.stringify({ error: 'The mail is not JSON.' })),
        );
        return;
      case `GET ${MAILBOX_PATH}`:
        response.writeHead(200, {
          'content-type': 'text/html; charset=utf-8',
          'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
        });
        response.end(page(newestFirst()));
        return;
      case `GET ${MAILBOX_PATH}.json`:
        sendJson(response, 200, JSON.stringify({ data: newestFirst() }));
        return;
      default:
        if (request.method === 'GET' && showHtml(mails, request.url ?? '', response)) return;
        sendJson(response, 404, JSON.stringify({ error: 'There is no such page.' }));
    }
  };
}

/** @returns false if there is no such mail. */
function showHtml(mails: ReadonlyMap<string, StoredMail>, url: string, response: ServerResponse): boolean {
  const mail = mails.get(decodeURIComponent(url.slice(MAILBOX_PATH.length + 1)));
  if (mail?.html === undefined) return false;
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    // As mail programs do: styles in place, and nothing that is loaded or run.
    'content-security-policy':
      "sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
  });
  response.end(mail.html);
  return true;
}

const STYLE = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:0 auto;padding:1.5rem 1rem;background:#f4f4f2;color:#1b1b1b}
article{background:#fff;border-radius:6px;padding:1rem 1.25rem;margin:0 0 1rem}
h1{font-size:1.5rem}h2{font-size:1.125rem;margin:0}article p{margin:0 0 .75rem;color:#6b6b6b;font-size:.875rem}
pre{font:inherit;white-space:pre-wrap;overflow-wrap:anywhere;margin:0}a{color:#1d5fa8}
@media (prefers-color-scheme:dark){body{background:#17191d;color:#ececea}article{background:#24272d}article p{color:#b3b7bf}a{color:#9cc4f5}}`;

function page(mails: readonly StoredMail[]): string {
  const articles = mails.map(
    ({ id, to, subject, text: body, html, received_at }) =>
      `<article><h2>${escapeHtml(subject)}</h2><p>to ${escapeHtml(to)}, ${received_at.slice(0, 16).replace('T', ' ')} UTC${htmlLink(id, html)}</p><pre>${escapeHtml(body)}</pre></article>`,
  );
  const content = articles.length === 0 ? '<p>No mail yet.</p>' : articles.join('');
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Inkmeter mailbox</title><style>${STYLE}</style><h1>Mailbox</h1>${content}</html>`;
}

function htmlLink(id: string, html: string | undefined): string {
  return html === undefined ? '' : `, <a href="${MAILBOX_PATH}/${encodeURIComponent(id)}">as HTML</a>`;
}
