/** The pages of the gateway: what they may load, and their frame. */
import type { FastifyInstance } from 'fastify';

const CACHE_CONTROL = 'public, max-age=300';

/**
 * Applies to every route of a scope: open to everyone, and with a policy that lets the page load nothing from another
 * origin.
 */
export function servePages(app: FastifyInstance, scriptSource: string): void {
  const policy = [
    "default-src 'none'",
    `script-src ${scriptSource}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, auth: 'none' };
  });
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header('content-security-policy', policy);
    reply.header('cache-control', CACHE_CONTROL);
    done();
  });
}

const STYLE = `
:root { color-scheme: light dark; --text: #1b1f24; --muted: #59636e; --line: #d9dee3; --panel: #f5f7f9; --link: #0b5bd3; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e9ec; --muted: #9aa4af; --line: #30363d; --panel: #161b22; --link: #6cb0ff; }
  body { background: #0d1117; }
}
* { box-sizing: border-box; }
body { margin: 0; color: var(--text); font: 16px/1.6 system-ui, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
nav { font-size: .9rem; color: var(--muted); }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
h1 { font-size: 1.9rem; line-height: 1.25; margin: 1.5rem 0 .5rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p.lead { font-size: 1.1rem; margin-top: 0; }
code, pre { font: .88em/1.55 ui-monospace, monospace; }
code { background: var(--panel); border: 1px solid var(--line); border-radius: 4px; padding: .1em .3em; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 1rem; overflow-x: auto; }
pre code { background: none; border: 0; padding: 0; font-size: 1em; }
table { border-collapse: collapse; width: 100%; }
td { border-top: 1px solid var(--line); padding: .5rem .75rem .5rem 0; vertical-align: top; }
td:first-child { white-space: nowrap; }
.meta { color: var(--muted); }
`;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export const escapeHtml = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (sign) => ENTITIES[sign] ?? sign);

/** Escapes a text and turns its `code` spans into elements. */
export const inlineCode = (text: string): string =>
  escapeHtml(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');

/** @param body HTML; the caller escapes its texts. */
export function renderPage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} · Inkmeter</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
}
